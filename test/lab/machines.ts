import { XMLParser } from "fast-xml-parser";
import { type Fleet, type Hv, HYPERVISORS, type Lab } from "./lab.ts";

/** A virtual machine as libvirt itself tells of it. */
export interface Machine {
  readonly hv: Hv;
  readonly name: string;
  readonly uuid: string;
  /** In virsh's words. */
  readonly state: string;
  /** Of its QEMU; undefined while it has none. */
  readonly pid: number | undefined;
  /** By the attributes of our element in its metadata. */
  readonly mark: Readonly<Record<string, string>>;
  /** `web-1`. */
  readonly replica: string;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  parseAttributeValue: false,
});

const VIRSH = `
for name in $(virsh -q list --all --name); do
  echo "#> $(virsh domuuid "$name") $(cat "/run/libvirt/qemu/$name.pid" 2>/dev/null || echo -) $(virsh domstate "$name")"
  virsh metadata "$name" https://evenkeel.dev/ns/replica/1 2>/dev/null || :
  echo "#name $name"
done`;

/** All virtual machines of the lab's hypervisors, whoever's they are. */
export async function machines(lab: Lab): Promise<Machine[]> {
  const all = await Promise.all(
    HYPERVISORS.map(async (hv) => {
      const text = await lab.sh(hv, VIRSH);
      return text
        .split("#> ")
        .slice(1)
        .map((part): Machine => {
          const [uuid = "", pid = "", ...state] = (part.split("\n")[0] ?? "").split(" ");
          const name = /^#name (.*)$/m.exec(part)?.[1] ?? "";
          const xml = /<[\s\S]*>/.exec(part)?.[0] ?? "";
          const { replica = {} } = parser.parse(xml) as { replica?: Record<string, string> };
          return {
            hv,
            name,
            uuid,
            state: state.join(" "),
            pid: pid === "-" ? undefined : Number(pid),
            mark: replica,
            replica: `${replica["subnet"]}-${replica["ordinal"]}`,
          };
        });
    }),
  );
  return all.flat().toSorted((a, b) => (`${a.replica} ${a.hv}` < `${b.replica} ${b.hv}` ? -1 : 1));
}

/** A workload that boots the lab's kernel directly; the version is what its server tells. */
export const kernelWorkload = (lab: Lab, version: number): string =>
  `{runtime: libvirt, kernel: {image: web-vmlinux, initrd: web-initrd, arguments: "${lab.guestArguments} evenkeel.version=${version}"},` +
  ` ports: [{name: http, containerPort: 8080}], resources: {cpu: 1, memory: 96Mi}}`;

/** The example manifests, with a libvirt that emulates on both hypervisors. */
export function fleetOfMachines(lab: Lab): Fleet {
  const fleet = lab.fleet();
  for (const hv of HYPERVISORS)
    fleet.edit(
      `provider/${hv}.yaml`,
      "  underlay:",
      "  runtimes: [docker, libvirt]\n  libvirt: {domainType: qemu}\n  underlay:",
    );
  return fleet;
}

/** A subnet document of t2 with a service. */
export const subnetOfMachines = (
  name: string,
  workload: string,
  {
    cidr,
    min = 1,
    max = 3,
    port = 80,
    more = "",
  }: {
    readonly cidr: string;
    readonly min?: number;
    readonly max?: number;
    readonly port?: number;
    readonly more?: string;
  },
): string => `apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: ${name}}
spec:
  cidr: ${cidr}
  replicas: {min: ${min}, max: ${max}}
  workload: ${workload}
  service: {address: 198.18.100.10, ports: [{port: ${port}, targetPort: http}]}
  healthCheck: {httpGet: {path: /healthz, port: http}}
  drain: {gracePeriodSeconds: 5}
${more}`;
