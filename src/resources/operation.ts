import type { InterfaceAddress, Ipv4, Mac } from "../api/addresses.ts";
import type { FleetName, LinkName } from "../api/names.ts";

/**
 * The order in which one hypervisor's operations run. It is the order of safety: rules stand before anything is connected,
 * a port is locked before it is up, nobody is balanced to before it is there, and what goes loses its links last.
 */
export const PHASES = [
  "namespace", // network namespaces are made
  "guard", // the hypervisor's own chain drops strangers' VXLAN packets
  "settings", // sysctls and default-deny filters, before any link exists
  "create", // links are made straight inside their namespace
  "configure", // links are named, joined, addressed, raised; neighbours, routes
  "forward", // where to send what goes to another hypervisor
  "resolve", // names and addresses are told, before anybody asks
  "start", // containers and virtual machines are created and started, beside all of the above
  "plug", // interfaces are put into running containers
  "inside", // … and configured there
  "police", // what each port may send
  "attach", // ports join their bridge, locked
  "admit", // … are told their address
  "raise", // … and come up
  "resume", // virtual machines, started frozen, go on: their links stand
  "balance", // the service's addresses point at what is ready
  "stop", // signals to, and removal of, what was drained
  "withdraw", // entries and links of what is gone
  "dissolve", // namespaces that nobody needs any more
  "unguard", // the hypervisor's own chain, when the last tenant has left
] as const;

export type Phase = (typeof PHASES)[number];

/** Which program takes the lines, and how they are handed to it (see hosts/render.ts). */
export type Tool =
  | "ip" // `ip -batch` in the hypervisor's namespace
  | "ip-inside" // `ip -n NAMESPACE -batch`
  | "bridge" // `bridge -batch` in the hypervisor's namespace
  | "bridge-inside" // `bridge -n NAMESPACE -batch`
  | "sysctl" // lines `PATH=VALUE` below /proc/sys/net of the namespace
  | "iptables" // a restore of whole tables in the namespace
  | "ip6tables"
  | "ebtables"
  | "host-iptables" // `iptables-restore --noflush` in the hypervisor's namespace
  | "host-chain" // words `CHAIN HOOK`: the chain and its jump from there, made where missing
  | "host-chain-remove"
  | "conntrack" // arguments of one `conntrack -D` a line
  | "sandbox" // `ip -batch` inside the sandbox of a container
  | "unpause" // container ids
  | "signal" // lines `SIGNAL CONTAINER-ID`
  | "remove-container" // container ids
  | "domain" // lines `VERB UUID NAME`: resume, shutdown (by the power button), stop (at once), remove
  | "netns-add" // names
  | "resolver-start" // lines `command WORD`, `hosts LINE`, `leases LINE`: writes its files and starts it, in place of another
  | "resolver-tell" // the same without `command`: writes its files and has them read
  | "resolver-stop" // lines `NAMESPACE GROUP`: ends it and removes its files
  | "collector-start" // lines of its configuration: writes them and starts it, in place of another
  | "collector-stop" // lines `NAMESPACE GROUP`: ends it and removes its files
  | "netns-remove"; // ends what runs in the namespace, then deletes it

/** Stands in a line for the path of the sandbox of {@link ScriptOperation.sandboxOf}, known only when it runs. */
export const SANDBOX = "@SANDBOX@";

/** Something that a hypervisor's script does: lines for one tool. The lines are data to the tool, never to a shell. */
export interface ScriptOperation {
  readonly phase: Phase;
  readonly tool: Tool;
  /** The network namespace it works in, for the tools that need one. */
  readonly namespace?: string;
  readonly lines: readonly string[];
  /** Name of the workload that has to stand first: the container whose sandbox the lines name, or a virtual machine. */
  readonly sandboxOf?: string;
}

/** What Docker is asked to create: one interface-less container that never restarts by itself. */
export interface ContainerRequest {
  readonly name: string;
  /** What the workload sees as its own name: the readable one, `web-3`; at most 63 characters. */
  readonly hostname: string;
  readonly image: string;
  /** Instead of the image's own; undefined keeps that. */
  readonly command: readonly string[] | undefined;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly labels: Readonly<Record<string, string>>;
  /** Whom it asks for names. */
  readonly resolver: Ipv4 | undefined;
  /** Where short names are looked for, in this order. */
  readonly searchDomains: readonly string[];
  /** Billionths of a CPU. */
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Directories of the hypervisor's that are in the container too. */
  readonly mounts?: readonly Mount[];
  /** Of a bastion: the directory where its host key has to be before it starts, if any hypervisor of its tenant has one. */
  readonly hostKeyIn?: string;
}

/** A directory of the hypervisor's, made where missing, that is in a container under another path. */
export interface Mount {
  readonly directory: string;
  readonly inside: string;
  /** Whether the container may only read it. */
  readonly readOnly: boolean;
}

/** Something that Docker's interface does. */
export interface EngineOperation {
  readonly phase: "start";
  readonly tool: "engine";
  readonly request: ContainerRequest;
}

/** One of a virtual machine's two interfaces. */
export interface DomainInterface {
  /** The hypervisor's end. */
  readonly tap: LinkName;
  readonly mac: Mac;
  readonly mtu: number;
  /** With prefix, as it is told to the guest. */
  readonly address: InterfaceAddress;
  readonly gateway: Ipv4 | undefined;
}

/** What libvirt is asked to define: one virtual machine that starts only when it is told to. */
export interface DomainRequest {
  /** Whose it is: its files are among the fleet's. */
  readonly fleet: FleetName;
  readonly name: string;
  readonly uuid: string;
  /** What the guest is to call itself: the readable name, `web-3`. */
  readonly hostname: string;
  /** kvm, or qemu where all is emulated. */
  readonly domainType: "kvm" | "qemu";
  /** Name of the disk image that its own disk is written on top of; undefined where it has none. */
  readonly image: string | undefined;
  /** SHA-256 that the image's file must have, in hexadecimal; undefined for any. */
  readonly checksum: string | undefined;
  /** What is booted directly; undefined to boot from the disk. */
  readonly kernel:
    | { readonly image: string; readonly initrd: string | undefined; readonly arguments: string }
    | undefined;
  /** Given to cloud-init on a NoCloud disk, which is made only for it. */
  readonly userData: string | undefined;
  readonly interfaces: readonly DomainInterface[];
  /** Its mark, by attribute of our element in its metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Billionths of a CPU. */
  readonly nanoCpus: number;
  /** Bytes. */
  readonly memory: number;
}

/** Starts a virtual machine frozen; defines it first where it is not known. A failure is that machine's alone. */
export interface DomainOperation {
  readonly phase: "start";
  readonly tool: "domain-start";
  readonly request: DomainRequest;
}

/** What a hypervisor's script does. */
export type BatchOperation = ScriptOperation | DomainOperation;

export type Operation = BatchOperation | EngineOperation;
