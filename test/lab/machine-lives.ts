import fc from "fast-check";
import type { HostFacts } from "../../src/facts/facts.ts";
import { domainPrograms } from "../../src/hosts/domain-script.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { trusted } from "../../src/api/names.ts";
import type { BatchOperation, DomainRequest, ScriptOperation } from "../../src/resources/operation.ts";
import { killWorkload } from "../../src/simulated/docker.ts";
import { runBlock } from "../../src/simulated/programs.ts";
import { FLEET, scenario, pass, serving, subnet } from "../unit/scenario.ts";
import { namespaceOf } from "../../src/resources/marks.ts";
import { LOOKING, parse, refusedIn, shown, type Twins } from "./twins.ts";

/** Something that befalls a virtual machine, by its number: what plans do to it, or what somebody does by hand. */
export type Act =
  | { readonly kind: "start" | "resume" | "stop" | "remove" | "suspend" | "kill"; readonly of: number }
  | { readonly kind: "plug" | "unplug"; readonly of: number; readonly tap: number };

/** Two machines that have a disk which does not boot: what a guest does is nobody's to foresee. */
export function requests(): readonly DomainRequest[] {
  const web = subnet("web", 2, {
    service: serving(),
    workload: { ...subnet("web", 2).spec.workload, runtime: "libvirt", image: "broken.qcow2" },
  });
  const on = scenario({ subnets: [web] });
  for (const hypervisor of on.hypervisors)
    Object.assign(hypervisor.spec, { runtimes: ["libvirt"], libvirt: { domainType: "qemu" } });
  return pass(on).flatMap(({ operations }) =>
    operations.flatMap((one) =>
      one.tool === "domain-start" ? [{ ...one.request, memory: 32 * 2 ** 20, nanoCpus: 1e8 }] : [],
    ),
  );
}

/** The life of two machines, of which about a third happens otherwise. Shrinks to fewer acts. */
export function machineLives(): fc.Arbitrary<readonly Act[]> {
  const plug = (of: number): Act[] => [0, 1].map((tap) => ({ kind: "plug", of, tap }));
  const planned: Act[] = [
    { kind: "start", of: 0 },
    ...plug(0),
    { kind: "resume", of: 0 },
    { kind: "start", of: 1 },
    ...plug(1),
    { kind: "resume", of: 1 },
    { kind: "suspend", of: 0 },
    { kind: "unplug", of: 1, tap: 0 },
    { kind: "kill", of: 0 },
    { kind: "stop", of: 1 },
    { kind: "start", of: 1 },
    { kind: "remove", of: 0 },
  ];
  const fate = fc.oneof(
    { arbitrary: fc.constant("as planned" as const), weight: 3 },
    { arbitrary: fc.constantFrom(...planned), weight: 2 },
  );
  const { length } = planned;
  return fc
    .array(fc.option(fate, { nil: undefined, freq: 10 }), { minLength: length, maxLength: length })
    .map((fates) =>
      fates.flatMap((one, at) => (one === "as planned" ? planned.slice(at, at + 1) : one ? [one] : [])),
    );
}

/** What came of a life: which acts were refused, by number, and what stands of machines and their taps. */
export interface MachineOutcome {
  readonly refused: readonly number[];
  readonly machines: unknown;
  readonly taps: unknown;
}

const NAMESPACE = namespaceOf(FLEET, trusted("t2"));

function operationOf(act: Act, request: DomainRequest): BatchOperation | undefined {
  const { uuid, name, interfaces } = request;
  switch (act.kind) {
    case "start":
      return { phase: "start", tool: "domain-start", request };
    case "plug": {
      const { tap = "", mtu } = interfaces[act.tap] ?? {};
      const lines = [`link set ${tap} mtu ${mtu}`, `link set ${tap} netns ${NAMESPACE}`];
      return { phase: "plug", tool: "ip", lines };
    }
    case "unplug":
      return {
        phase: "withdraw",
        tool: "ip-inside",
        namespace: NAMESPACE,
        lines: [`link del ${interfaces[act.tap]?.tap}`],
      };
    case "resume":
    case "stop":
    case "remove":
      return { phase: "resume", tool: "domain", lines: [`${act.kind} ${uuid} ${name}`] };
    case "suspend":
    case "kill":
      return undefined;
  }
}

const ADD: ScriptOperation = { phase: "namespace", tool: "netns-add", lines: [NAMESPACE] };

/** Does a life to the hypervisor in memory. */
export function inMemory(twins: Twins, all: readonly DomainRequest[], acts: readonly Act[]): MachineOutcome {
  const machine = twins.machine();
  machine.files.set("broken.qcow2", "broken.qcow2");
  const run = (operation: BatchOperation): boolean => {
    const block = { tenant: "", operations: [operation], sandboxes: new Map() };
    const { ok, message } = runBlock(machine, block, { lines: Number.POSITIVE_INFINITY });
    return ok && message === "";
  };
  run(ADD);
  const refused = acts.flatMap((act, index) => {
    const request = all[act.of];
    if (!request) throw new RangeError(`there is no machine ${act.of}`);
    const operation = operationOf(act, request);
    if (operation) return run(operation) ? [] : [index];
    const domain = machine.domains.get(request.uuid);
    if (!domain || domain.state === "exited") return [index];
    if (act.kind === "kill") killWorkload(machine, domain);
    else domain.state = "paused";
    return [];
  });
  return outcomeOf(shown(machine), refused);
}

/** Does it to a real one, which is as before afterwards. */
export async function inLab(
  twins: Twins,
  all: readonly DomainRequest[],
  acts: readonly Act[],
): Promise<MachineOutcome> {
  const step = (act: Act, index: number): string => {
    const request = all[act.of];
    if (!request) throw new RangeError(`there is no machine ${act.of}`);
    const { name, uuid } = request;
    const operation = operationOf(act, request);
    const script = operation ? renderSections([operation]) : BY_HAND[act.kind]?.(uuid, name);
    return `( set -e\n${script}) >/dev/null 2>"$e.act"; [ $? = 0 ] && ! grep -q '^${name}: ' "$e.act" || echo "#!${index}"\n`;
  };
  const script = `${PROGRAMS}${domainPrograms(FLEET)}
e=$(mktemp)
mkdir -p "$IMAGES"; cp --no-preserve=mode /srv/images/broken.qcow2 "$IMAGES"
${renderSections([ADD])}
${acts.map(step).join("")}
${LOOKING}
${all.map(({ uuid, name }) => `echo "remove ${uuid} ${name}" | domain\n`).join("")}ip netns del ${NAMESPACE}
rm -rf "$e" "$e".*`;
  const { stdout } = await twins.exec(script);
  return outcomeOf(parse(twins.hv, stdout), refusedIn(stdout));
}

const BY_HAND: Readonly<Record<string, (uuid: string, name: string) => string>> = {
  suspend: (uuid) => `virsh_ suspend ${uuid}\n`,
  // libvirt notices by itself, a moment later.
  kill: (uuid, name) => `p=/run/libvirt/qemu/${name}.pid; [ -e $p ] && kill -9 $(cat $p)
for i in 1 2 3 4 5 6 7 8 9 10; do domain_is ${uuid} "shut crashed" && exit 0; sleep 0.2; done; exit 1\n`,
};

const outcomeOf = ({ domains, own, namespaces }: HostFacts, refused: readonly number[]): MachineOutcome => ({
  refused: refused.toSorted((a, b) => a - b),
  machines: (domains ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  taps: Object.fromEntries(
    [["", own] as const, ...namespaces].map(([name, { links }]) => [
      name,
      links
        .filter(({ type }) => type === "tun")
        .map((link) => `${link.name} mtu ${link.mtu}${link.up ? " up" : ""}`)
        .toSorted(),
    ]),
  ),
});
