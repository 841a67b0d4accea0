import type { Note, Reason, Refusal } from "../api/reasons.ts";

/** What a reader can do about it, where the message itself does not say. */
const ADVICE: Partial<Readonly<Record<Reason, string>>> = {
  HypervisorUnreachable: "mend the way there, then: reconcile --once",
  LookIncomplete: "again: reconcile --once",
  HomeUnreachable: "bring the old home back, or take its document out of manifests when it is off for good",
  LedgerIncomplete: "bring it back, or take it out of the tenant's hypervisors",
  NowhereToPlace: "raise a hypervisor's capacity, add a standby, or lower replicas.min",
  AddressesExhausted: "wait, or give the subnet a larger network",
  ResolverFailing: "mend that there; it is tried again with every pass",
  CollectorFailing: "mend that there; it is tried again with every pass",
  NameTaken: "rename or remove what holds it; evenkeel does not touch it",
  ManifestInvalid: "reconcile validate",
};

/** What to do about a note. */
export const adviceOn = ({ reason }: Note): string | undefined => ADVICE[reason];

/** Whether a note is about a subnet, or one of its replicas: `subnet/t2/web`, `replica/t2/web-3`. */
export function isAbout({ object }: Note | Refusal, tenant: string, subnet: string | undefined): boolean {
  const [kind, owner, name = ""] = object.split("/");
  const part = owner !== tenant ? undefined : kind === "replica" ? name.replace(/-\d+$/, "") : name;
  const isSubnets = (kind === "subnet" || kind === "replica") && part !== undefined;
  return subnet === undefined ? !isSubnets : isSubnets && part === subnet;
}
