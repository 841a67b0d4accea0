import type { Hypervisor, KindName, Subnet, Tenant } from "../../api/kinds.gen.ts";
import type { HypervisorName, TenantName } from "../../api/names.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import type { DocumentKey, Manifest } from "../../api/documents.ts";

/** A document as rules see it. */
export interface Subject<M extends Manifest = Manifest> {
  readonly key: DocumentKey;
  /** As people name it: `Subnet/t2/web`. */
  readonly label: string;
  readonly object: M;
  /** Where a field of it stands, `provider/t2.yaml:9`, for messages about another document. */
  readonly cite: (path: Path) => string;
}

/** The documents that a rule compares, sorted by name: those in which all that it reads is sound. */
export interface View {
  readonly hypervisors: readonly Subject<Hypervisor>[];
  readonly tenants: readonly Subject<Tenant>[];
  readonly subnets: readonly Subject<Subnet>[];
  hypervisor(name: HypervisorName): Subject<Hypervisor> | undefined;
  tenant(name: TenantName): Subject<Tenant> | undefined;
  subnetsOf(tenant: TenantName): readonly Subject<Subnet>[];
  /** Names of a kind's objects that are declared, be their documents sound or not. */
  declared(kind: KindName): readonly string[];
  /** False when a provider's file is not legible: what it declares is not known. */
  readonly complete: boolean;
}

/** A fault of one document, found by looking at more than one field. */
export interface Finding extends Fault {
  readonly about: DocumentKey;
  /** Other documents that it takes part in. They may be the ones that changed. */
  readonly related?: readonly DocumentKey[];
}

/** A rule across fields or documents. Pure. */
export interface Rule {
  /** The fields that it reads, by kind: it is shown no document whose schema does not hold there. */
  readonly reads: Readonly<Partial<Record<KindName, readonly string[]>>>;
  check(view: View): readonly Finding[];
}

const about = <M extends Manifest>(subjects: readonly Subject<M>[], check: (object: M) => readonly Fault[]) =>
  subjects.flatMap(({ key, object }) => check(object).map((fault): Finding => ({ ...fault, about: key })));

/** A rule within one Subnet document. */
export const subnetRule = (reads: readonly string[], check: (subnet: Subnet) => readonly Fault[]): Rule => ({
  reads: { Subnet: reads },
  check: ({ subnets }) => about(subnets, check),
});

/** A rule within one Tenant document. */
export const tenantRule = (reads: readonly string[], check: (tenant: Tenant) => readonly Fault[]): Rule => ({
  reads: { Tenant: reads },
  check: ({ tenants }) => about(tenants, check),
});

/** A rule within one Hypervisor document. */
export const hypervisorRule = (
  reads: readonly string[],
  check: (hypervisor: Hypervisor) => readonly Fault[],
): Rule => ({
  reads: { Hypervisor: reads },
  check: ({ hypervisors }) => about(hypervisors, check),
});
