import type { FleetName } from "../api/names.ts";
import type { DomainFact } from "../facts/domains.ts";
import type { HostFacts } from "../facts/facts.ts";
import { namespaceOf, type ReplicaMark, readDomainMark } from "./marks.ts";

/** A virtual machine of the fleet's, and what it shows of itself. */
export interface MarkedDomain {
  readonly fact: DomainFact;
  readonly mark: ReplicaMark;
  /** Whether it has a process, and with it its taps. */
  readonly isAlive: boolean;
  /**
   * It lives, and a tap of it is neither where libvirt makes it nor where it belongs: nothing but a new start brings it
   * back.
   */
  readonly unplugged: boolean;
}

/** The fleet's virtual machines on a hypervisor, by its marks. */
export function markedDomains(
  { own, namespaces, domains }: Pick<HostFacts, "own" | "namespaces" | "domains">,
  fleet: FleetName,
): MarkedDomain[] {
  return (domains ?? []).flatMap((fact): MarkedDomain[] => {
    const mark = readDomainMark(fleet, fact);
    if (!mark) return [];
    const links = [...own.links, ...(namespaces.get(namespaceOf(fleet, mark.tenant))?.links ?? [])];
    const isAlive = fact.state !== "shut off" && fact.state !== "crashed";
    const unplugged = isAlive && !fact.taps.every((tap) => links.some(({ name }) => name === tap));
    return [{ fact, mark, isAlive, unplugged }];
  });
}
