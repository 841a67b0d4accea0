import type { Hypervisor, KindName, Subnet, Tenant } from "../api/kinds.gen.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import { by, byText } from "./compare.ts";
import { type Path, startsWith } from "./path.ts";
import type { DocumentKey } from "../api/documents.ts";
import type { Finding, Rule, Subject, View } from "./rules/rule.ts";

/** A document that rules may be shown, and where its schema does not hold. */
export interface Candidate extends Subject {
  readonly unsound: readonly Path[];
}

/** What rules are told besides the documents. */
export interface Surroundings {
  /** All objects that are declared, by sound documents or not. */
  readonly declared: Iterable<DocumentKey>;
  readonly complete: boolean;
}

/** All that the rules find in a set of documents. */
export function findings(
  rules: readonly Rule[],
  candidates: Iterable<Candidate>,
  surroundings: Surroundings,
): readonly Finding[] {
  const sorted = [...candidates].toSorted(by(({ key }) => key));
  const names = [...surroundings.declared].map((key) => key.split("/"));
  const declared = (kind: KindName): readonly string[] =>
    names.flatMap(([of, , name]) => (of === kind && name !== undefined ? [name] : [])).toSorted(byText);
  return rules.flatMap((rule) => {
    const seen = sorted.filter((candidate) => isSound(candidate, rule.reads[candidate.object.kind] ?? []));
    return rule.check(view(seen, declared, surroundings.complete));
  });
}

/** Whether nothing at, above or beneath the fields that are read is known to be wrong. */
const isSound = ({ unsound }: Candidate, reads: readonly string[]): boolean =>
  reads
    .map((field) => field.split("."))
    .every((path) => !unsound.some((wrong) => startsWith(wrong, path) || startsWith(path, wrong)));

function view(candidates: readonly Candidate[], declared: View["declared"], complete: boolean): View {
  const hypervisors = new Map<HypervisorName, Subject<Hypervisor>>();
  const tenants = new Map<TenantName, Subject<Tenant>>();
  const subnets: Subject<Subnet>[] = [];
  const byTenant = new Map<TenantName, Subject<Subnet>[]>();
  for (const { object, ...subject } of candidates) {
    switch (object.kind) {
      case "Hypervisor":
        hypervisors.set(object.metadata.name, { ...subject, object });
        break;
      case "Tenant":
        tenants.set(object.metadata.name, { ...subject, object });
        break;
      case "Subnet": {
        const subnet = { ...subject, object };
        subnets.push(subnet);
        const siblings = byTenant.get(object.metadata.namespace);
        if (siblings) siblings.push(subnet);
        else byTenant.set(object.metadata.namespace, [subnet]);
      }
    }
  }
  return {
    hypervisors: [...hypervisors.values()],
    tenants: [...tenants.values()],
    subnets,
    hypervisor: (name) => hypervisors.get(name),
    tenant: (name) => tenants.get(name),
    subnetsOf: (tenant) => byTenant.get(tenant) ?? [],
    declared,
    complete,
  };
}
