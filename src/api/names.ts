/**
 * Branded names: a plain string becomes one of these only at the border (manifests, looks, command line), where it is
 * parsed; inside, the type is the proof.
 */
declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** One installation of evenkeel; the first part of every mark. */
export type FleetName = Brand<"FleetName">;
export type HypervisorName = Brand<"HypervisorName">;
export type TenantName = Brand<"TenantName">;
export type SubnetName = Brand<"SubnetName">;
/** The slot of a replica as people read it, `web-3`: subnet and ordinal. */
export type ReplicaName = Brand<"ReplicaName">;
/** What stands in a slot: eight letters or digits, fresh for each, never used again. */
export type Incarnation = Brand<"Incarnation">;
/** A network interface name, at most 15 characters (IFNAMSIZ). */
export type LinkName = Brand<"LinkName">;

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** Longest name a manifest may carry. */
const NAME_LENGTH = 32;

/** Whether `text` is a DNS label of at most 32 characters: what every `metadata.name` must be. */
export const isName = (text: string): boolean => text.length <= NAME_LENGTH && DNS_LABEL.test(text);

/**
 * Brands a name or an address that a validator has already accepted, or that is made of such. Never call it on text from
 * outside. The one place where a brand comes from nothing but our word.
 */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- see above
export const trusted = <T extends string>(text: string): T => text as T;

/** `web-3`, the slot `ordinal` of a subnet. */
export const replicaName = (subnet: SubnetName, ordinal: number): ReplicaName =>
  trusted<ReplicaName>(`${subnet}-${ordinal}`);
