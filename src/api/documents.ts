import type { Hypervisor, Subnet, Tenant } from "./kinds.gen.ts";
import type { SubnetName, TenantName } from "./names.ts";

/** A manifest of any kind, checked and with its defaults filled in. */
export type Manifest = Hypervisor | Tenant | Subnet;

/** `Kind/namespace/name`: `Subnet/t2/web`; the middle is empty for kinds that have no namespace: `Tenant//t2`. */
export type DocumentKey = `${Manifest["kind"]}/${string}/${string}`;

/** What the tree says about one tenant. */
export interface TenantManifests {
  readonly name: TenantName;
  /** Undefined when no version of its document is in force; then `held` says why. */
  readonly tenant: Tenant | undefined;
  readonly subnets: ReadonlyMap<SubnetName, Subnet>;
  /**
   * Set when a document of this tenant is broken and there is no last good version of it: nothing of the tenant may be
   * changed or removed. The text says why.
   */
  readonly held: string | undefined;
}

/** A document in force, as it is remembered so that it can stand in for a later, broken version of itself. */
export interface StoredDocument {
  /** Relative to the tree. */
  readonly file: string;
  readonly object: Manifest;
  /** When it first came into force, milliseconds since the epoch; only as it is remembered. */
  readonly since?: number;
}
