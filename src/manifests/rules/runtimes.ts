import type { Workload } from "../../api/kinds.gen.ts";
import type { HypervisorName } from "../../api/names.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { type Finding, type Rule, subnetRule } from "./rule.ts";

/** Names by which a disk image says how it is written: no image is ever asked that itself. */
const DISK_IMAGE = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(qcow2|img|raw)$/;

const at = (...path: readonly string[]): Path => ["spec", "workload", ...path];

const fault = (path: Path, message: string): Fault => ({ code: "EK-FIELD-INVALID", path, message });

/** What only a container has. */
function ofVirtualMachine({ image, command, env, imagePullPolicy }: Workload): Fault[] {
  const instead = "a virtual machine is told by userData or kernel.arguments";
  return [
    ...(image !== undefined && !DISK_IMAGE.test(image)
      ? [
          fault(
            at("image"),
            `must name a file that ends in .qcow2, .img or .raw, because runtime is libvirt; found ${show(image)}`,
          ),
        ]
      : []),
    ...(command === undefined ? [] : [fault(at("command"), `is for containers; ${instead}`)]),
    ...(env.length === 0 ? [] : [fault(at("env"), `is for containers; ${instead}`)]),
    ...(imagePullPolicy === "Always"
      ? [fault(at("imagePullPolicy"), 'must be "IfNotPresent" or "Never" for a virtual machine')]
      : []),
  ];
}

/** What only a virtual machine has. */
const ofContainer = (workload: Workload): Fault[] =>
  (["kernel", "userData"] as const).flatMap((field) =>
    workload[field] === undefined ? [] : [fault(at(field), "is for virtual machines, and runtime is docker")],
  );

/** Somewhere among the tenant's hypervisors there is one that runs such a thing. */
const runtimeIsOffered: Rule = {
  reads: {
    Subnet: ["spec.workload.runtime"],
    Tenant: ["spec.primary", "spec.standby"],
    Hypervisor: ["spec.runtimes"],
  },
  check: (view) =>
    view.subnets.flatMap(({ key, object: { metadata, spec } }): Finding[] => {
      const tenant = view.tenant(metadata.namespace);
      if (!tenant) return [];
      const names: HypervisorName[] = [
        tenant.object.spec.primary,
        ...tenant.object.spec.standby.map(({ name }) => name),
      ];
      const all = names.flatMap((name) => view.hypervisor(name) ?? []);
      const { runtime } = spec.workload;
      // One that cannot be read may be the one that does.
      const isOffered = all.some(({ object }) => object.spec.runtimes.includes(runtime));
      if (isOffered || all.length < names.length) return [];
      const offers = all.map(({ object }) => `${object.metadata.name}: ${object.spec.runtimes.join(", ")}`);
      return [
        {
          code: "EK-REFERENCE",
          path: at("runtime"),
          message: `must be a runtime of the tenant's hypervisors (${offers.join("; ")}), found ${show(runtime)}`,
          about: key,
          related: [tenant.key, ...all.map((one) => one.key)],
        },
      ];
    }),
};

/** What a workload says must fit what runs it. */
export const RUNTIME_RULES: readonly Rule[] = [
  runtimeIsOffered,
  subnetRule(["spec.workload"], ({ spec: { workload } }) =>
    workload.runtime === "libvirt" ? ofVirtualMachine(workload) : ofContainer(workload),
  ),
  subnetRule(["spec.workload.runtime", "spec.drain.signal"], ({ spec: { workload, drain } }) =>
    workload.runtime === "libvirt" && drain.signal !== "SIGTERM"
      ? [
          fault(
            ["spec", "drain", "signal"],
            `must be left out: a virtual machine is told to end by its power button; found ${show(drain.signal)}`,
          ),
        ]
      : [],
  ),
];
