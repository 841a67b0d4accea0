import { EvenkeelError } from "../api/errors.ts";
import { isName, type ReplicaName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import type { Revision } from "../manifests/revision.ts";
import { parseWishes } from "./select.ts";

/** What `why` is asked about. */
export type Question =
  | { readonly kind: "subnet"; readonly tenant: TenantName; readonly subnet: SubnetName }
  | {
      readonly kind: "replica";
      readonly tenant: TenantName;
      readonly subnet: SubnetName;
      readonly ordinal: number;
      readonly name: ReplicaName;
    }
  | { readonly kind: "plan"; readonly id: string };

/** What every answer is made from. */
export interface Context {
  readonly revision: Revision;
  readonly stateDirectory: string;
  /** Milliseconds since the epoch: now, and the moment that is asked about. */
  readonly now: number;
  readonly at: number;
  /** What a reader adds to a command so that it works on the same manifests. */
  readonly same: string;
}

/** An answer for people, and for programs. */
export interface Answer {
  readonly text: string;
  readonly value: unknown;
}

/** Reads `subnet/web` or `replica/web-5` of the tenant given beside it, or `plan/7f3a91c`. */
export function parseQuestion(word: string, namespace: string | undefined): Question {
  const [, id] = /^plan\/([0-9a-f]+)$/.exec(word) ?? [];
  if (id !== undefined) return { kind: "plan", id };
  const [wish] = word.includes("/") && !word.startsWith("plan/") ? parseWishes([word]) : [];
  const { name = "" } = wish ?? {};
  if (wish?.kind !== "subnets" && wish?.kind !== "replicas")
    throw refuse(`${JSON.stringify(word)} is nothing that is decided on`);
  if (namespace === undefined) throw refuse(`${word} is of a tenant that is not said`);
  if (!isName(namespace)) throw refuse(`${JSON.stringify(namespace)} is no name`);
  const tenant = trusted<TenantName>(namespace);
  if (wish.kind === "subnets" && isName(name)) return { kind: "subnet", tenant, subnet: trusted(name) };
  const [, subnet = "", ordinal] = /^(.+)-([1-9]\d{0,8})$/.exec(name) ?? [];
  if (wish.kind === "subnets" || ordinal === undefined || !isName(subnet))
    throw refuse(`${JSON.stringify(name)} is no name`);
  return { kind: "replica", tenant, subnet: trusted(subnet), ordinal: Number(ordinal), name: trusted(name) };
}

const refuse = (message: string): EvenkeelError =>
  new EvenkeelError("EK-USAGE", message, { fix: "ask as subnet/web -n t2, replica/web-5 -n t2 or plan/ID" });
