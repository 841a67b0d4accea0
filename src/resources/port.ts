import { type Ipv4, type Mac, macOf } from "../api/addresses.ts";
import type { FleetName, SubnetName } from "../api/names.ts";
import { isAlive } from "./container.ts";
import { type LinkDifference, type LinkState, linkDifference, readLink } from "./link.ts";
import type { HostFacts, SandboxFacts } from "../facts/facts.ts";
import {
  containerName,
  namespaceOf,
  readBastionMark,
  readMark,
  type ReplicaMark,
  tenantOf,
} from "./marks.ts";
import { markedDomains } from "./taps.ts";
import { SANDBOX, type ScriptOperation } from "./operation.ts";
import { kind, type Resource } from "./resource.ts";

/** One of a replica's two interfaces: the end in the tenant's namespace, a locked port, and the end inside the replica. */
export interface PortState extends LinkState {
  /** Name of the container or virtual machine that it belongs to. */
  readonly workload: string;
  /** MAC address of the replica behind it; only of a desired state. */
  readonly behind?: Mac;
  /** Whether the bridge has been told the replica's address behind this port. */
  readonly entry: boolean;
  /**
   * The end inside the replica: `guest` is a virtual machine's, where nobody looks; undefined where it could not be looked
   * at, so that nothing is known of it.
   */
  readonly inside: PortInside | "guest" | undefined;
}

export interface PortInside {
  readonly device: "eth0" | "eth1";
  readonly mac: string;
  readonly mtu: number;
  readonly address: string | undefined;
  readonly gateway: Ipv4 | undefined;
}

export const isPort = (resource: Resource): resource is Resource<PortState> => resource.kind === "port";

export const port = kind<PortState>({
  name: "port",

  *observe(facts, fleet) {
    const { hypervisor, namespaces } = facts;
    const byIncarnation = replicasOn(facts, fleet);
    for (const [namespace, { links, forwarding }] of namespaces) {
      const tenant = tenantOf(fleet, namespace);
      if (!tenant) continue;
      for (const link of links) {
        const [, role, incarnation] = /^([wm])([a-z0-9]{8})$/.exec(link.name) ?? [];
        if ((link.type !== "veth" && link.type !== "tun") || !incarnation) continue;
        const replica = byIncarnation.get(incarnation);
        // What is left of a virtual machine's links goes with its next start.
        if (replica?.unplugged) continue;
        const mac = replica && macOf(role === "w" ? replica.address : replica.managementAddress);
        yield {
          kind: "port",
          hypervisor,
          tenant,
          ...(replica?.subnet && { subnet: replica.subnet }),
          name: link.name,
          state: {
            ...readLink(link),
            mac: undefined,
            workload: replica?.workload ?? "",
            entry: forwarding.some(
              (entry) => entry.device === link.name && entry.mac === mac && entry.table === "master",
            ),
            inside:
              link.type === "tun"
                ? "guest"
                : replica?.sandbox &&
                  readInside(replica.sandbox, role === "w" || replica.subnet === undefined ? "eth0" : "eth1"),
          },
        };
      }
    }
  },

  change({ place, desired, observed, fleet }) {
    const namespace = namespaceOf(fleet, place.tenant);
    const remove = (phase: "withdraw" | "settings"): ScriptOperation => ({
      phase,
      tool: "ip-inside",
      namespace,
      lines: [`link del ${observed?.link}`],
    });
    if (!desired)
      return (
        observed && {
          verb: "remove",
          reason: "its replica is gone",
          disruption: "none",
          // A tap is its virtual machine's, and goes with it.
          operations: observed.inside === "guest" && observed.workload !== "" ? [] : [remove("withdraw")],
        }
      );
    if (!desired.inside) return undefined; // as it stands
    // Without its other end, or with another one, the pair is made anew.
    const orphan = isOrphan(desired.inside, observed?.inside);
    const current = orphan ? undefined : observed;
    const ours = linkDifference({ ...desired, up: false }, current && { ...current, up: false });
    const rejoined = current?.master !== desired.master;
    // Joining a bridge resets the flags: a port is never up and unlocked, not even for a moment.
    // guard: filter before enslave
    const lower = rejoined && current?.up === true;
    const raise = desired.up && (current?.up !== true || lower);
    const theirs =
      desired.inside === "guest" || current?.inside === "guest" || (current && !current.inside)
        ? NO_DIFFERENCE
        : insideDifference(desired.inside, current?.inside);
    const admit = rejoined || !current?.entry;
    if (ours.lines.length + theirs.lines.length === 0 && !raise && !admit) return undefined;

    const script = (
      phase: ScriptOperation["phase"],
      tool: ScriptOperation["tool"],
      lines: string[],
    ): ScriptOperation[] => (lines.length === 0 ? [] : [{ phase, tool, namespace, lines }]);
    const sandbox = (phase: "plug" | "inside", tool: "ip" | "sandbox", lines: string[]): ScriptOperation[] =>
      lines.length === 0 ? [] : [{ phase, tool, lines, sandboxOf: desired.workload }];
    const { link, behind } = desired;
    return {
      verb: orphan ? "replace" : observed ? "change" : "add",
      reason: observed
        ? [
            ...(orphan ? ["its replica does not have the other end"] : []),
            ...(current ? ours.reasons : []),
            ...(current ? theirs.reasons : []),
            ...(current?.up === false ? ["down"] : []),
            ...(admit && current ? ["the bridge does not know it"] : []),
          ].join("; ")
        : `joins the replica to ${desired.master}`,
      disruption: "none",
      operations: [
        ...(orphan ? [remove("settings")] : []),
        ...(current ? [] : sandbox("plug", "ip", plug(desired, namespace))),
        ...sandbox("inside", "sandbox", theirs.lines),
        ...script("attach", "ip-inside", [...(lower ? [`link set ${link} down`] : []), ...ours.lines]),
        ...script("admit", "bridge-inside", admit ? [`fdb replace ${behind} dev ${link} master static`] : []),
        ...script("raise", "ip-inside", raise ? [`link set ${link} up`] : []),
      ],
    };
  },
});

const isOrphan = (desired: PortState["inside"], observed: PortState["inside"]): boolean =>
  typeof desired === "object" && typeof observed === "object" && desired.mac !== observed.mac;

/**
 * Lines that bring a port into the tenant's namespace: a pair is made right there and in the sandbox; a tap, which came
 * with its virtual machine, is marked and moved.
 */
function plug({ link, group, mtu, inside }: PortState, namespace: string): string[] {
  if (typeof inside === "object")
    return [
      `link add name ${link} mtu ${mtu} group ${group} netns ${namespace} type veth` +
        ` peer name ${inside.device} address ${inside.mac} mtu ${mtu} netns ${SANDBOX}`,
    ];
  return [
    `link set ${link} group ${group}`,
    `link set ${link} mtu ${mtu}`,
    `link set ${link} netns ${namespace}`,
  ];
}

/** Replicas and bastions by incarnation, with what is known of their own ends. */
function replicasOn(facts: HostFacts, fleet: FleetName): Map<string, Replica> {
  const { containers, sandboxes } = facts;
  const replicas = new Map<string, Replica>();
  const ofReplica = (mark: ReplicaMark): Omit<Replica, "sandbox"> => {
    const { subnet, address, managementAddress } = mark;
    return { workload: containerName(fleet, mark), subnet, address, managementAddress };
  };
  for (const summary of containers ?? []) {
    const sandbox = sandboxes.get(summary.id) ?? (isAlive(summary.state) ? undefined : NO_SANDBOX);
    const mark = readMark(fleet, summary);
    if (mark) replicas.set(mark.incarnation, { ...ofReplica(mark), sandbox });
    const own = readBastionMark(fleet, summary);
    if (own) {
      const { incarnation, address } = own;
      const { name: workload } = summary;
      replicas.set(incarnation, {
        workload,
        subnet: undefined,
        address,
        managementAddress: address,
        sandbox,
      });
    }
  }
  for (const { mark, unplugged } of markedDomains(facts, fleet))
    replicas.set(mark.incarnation, { ...ofReplica(mark), sandbox: undefined, unplugged });
  return replicas;
}

interface Replica {
  /** Name of its container or virtual machine. */
  readonly workload: string;
  /** Undefined for a bastion, which has one interface alone: eth0, on the management network. */
  readonly subnet: SubnetName | undefined;
  readonly address: Ipv4;
  readonly managementAddress: Ipv4;
  /** Of a virtual machine: it has lost one of its taps. */
  readonly unplugged?: boolean;
  /** Undefined when it has one, but where was not found. */
  readonly sandbox: SandboxFacts | undefined;
}

/** Of a container that has ended: its interfaces went with its processes. */
const NO_SANDBOX: SandboxFacts = { pid: 0, interfaces: {}, gateway: undefined };

const readInside = ({ interfaces, gateway }: SandboxFacts, device: PortInside["device"]): PortInside => ({
  device,
  mac: interfaces[device]?.mac ?? "",
  mtu: interfaces[device]?.mtu ?? 0,
  address: interfaces[device]?.address,
  gateway: device === "eth0" ? gateway : undefined,
});

const NO_DIFFERENCE: LinkDifference = { lines: [], reasons: [] };

/** What has to happen inside the replica, as its own `ip -batch`. */
function insideDifference(desired: PortInside, observed: PortInside | undefined): LinkDifference {
  const { device, mtu, address, gateway } = desired;
  const readdress = observed?.address !== desired.address;
  const remtu = observed !== undefined && observed.mtu !== mtu;
  const reroute = gateway !== undefined && (readdress || observed?.gateway !== gateway);
  return {
    lines: [
      ...(remtu ? [`link set ${device} mtu ${mtu}`] : []),
      ...(readdress && observed?.address ? [`addr del ${observed.address} dev ${device}`] : []),
      // Before the address, which shows that it was done.
      ...(readdress && device === "eth0" ? ["link set lo up"] : []),
      ...(readdress ? [`addr replace ${address} dev ${device}`, `link set ${device} up`] : []),
      ...(reroute ? [`route replace default via ${gateway}`] : []),
    ],
    reasons: [
      ...(readdress ? [`address inside is ${observed?.address ?? "missing"}`] : []),
      ...(remtu ? [`MTU inside is ${observed.mtu}`] : []),
      ...(reroute && !readdress ? ["no default route inside"] : []),
    ],
  };
}
