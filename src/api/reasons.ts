/** Why something is as it is: one word each, the same in status, events and output. Never renamed. */
export const REASONS = {
  AsDesired: "what stands is what was asked for",
  Progressing: "on the way to what was asked for",
  Draining: "a replica waits for its last connections",
  HypervisorUnreachable: "a hypervisor does not answer; nothing is deleted or moved on its account",
  LookIncomplete: "a look was cut off or failed in part; nothing is deleted on its account",
  DockerUnreachable: "a hypervisor's Docker does not answer; its containers are left alone",
  LibvirtUnreachable: "a hypervisor's libvirt does not answer; its virtual machines are left alone",
  HypervisorUnfit: "a hypervisor lacks something that is needed there",
  HomeUnreachable: "the gateway is to move, but its old home was not seen",
  HomeMoved: "the gateway moved to another hypervisor",
  LedgerIncomplete: "the ledger is new, and a hypervisor that may hold the tenant's things was not seen yet",
  NowhereToPlace: "no hypervisor has room for a replica",
  AddressesExhausted: "a network has no free address left",
  ReplicaFailing: "a replica keeps ending by itself",
  ReplicaNotReady: "a replica does not answer",
  ReplicaUnhealthy: "a replica fails its health check",
  ProberSuspected:
    "most replicas of a subnet fail their health check at once although they run and are linked; the balancer keeps them",
  ImagePulling: "a hypervisor fetches the image that a replica is made of",
  ImageMissing: "the image that a replica is made of is not to be had on a hypervisor",
  ResolverFailing:
    "what answers DHCP and DNS in a tenant's gateway cannot be started; everything else of the tenant stands",
  CollectorFailing:
    "what hears the tenant's collectd cannot be started; counts that follow it stay, and all else stands",
  ChangeFailed: "a hypervisor refused a change",
  NameTaken: "a name or VXLAN id is taken by something that is not ours",
  NeedsApproval: "the change waits for an operator to let it through",
  ManifestInvalid: "a document is broken; its last good version stays in force, or nothing changes",
  HeldDown: "an operator took it down; it stays down until `reconcile up`",
} as const;

export type Reason = keyof typeof REASONS;

/** One thing that people should know about an object. */
export interface Note {
  readonly reason: Reason;
  /** `tenant/t2`, `subnet/t2/web`, `replica/t2/web-3`, `hypervisor/hv2`. */
  readonly object: string;
  readonly message: string;
  /** Whether the run can end well while this holds. */
  readonly severity: "info" | "waiting" | "stuck";
}

/** A change that is not made until an operator approves it by its id. */
export interface Refusal {
  readonly id: string;
  /** What an approval has to say besides the id, because only somebody who has seen to it can know. */
  readonly confirm?: "old-home-off";
  readonly object: string;
  readonly message: string;
}

/** What lets a refused change through, as it is typed. */
export const approvalOf = ({ id, confirm }: Pick<Refusal, "id" | "confirm">): string =>
  `reconcile approve ${id}${confirm === undefined ? "" : ` --${confirm}`}`;
