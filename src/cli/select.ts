import { DEFINITIONS } from "../api/definitions.gen.ts";
import { EvenkeelError } from "../api/errors.ts";
import type { FleetObject } from "../status/objects.ts";
import type { FleetView } from "../status/view.ts";

/** What `get` knows, in the order in which `all` lists it. */
export const SHOWN = ["hypervisors", "tenants", "subnets", "replicas"] as const;

export type Shown = (typeof SHOWN)[number];

/** One thing asked for: a kind, or one object of it. */
export interface Wish {
  readonly kind: Shown;
  readonly name?: string;
}

const spellings = ({ plural, singular, shortNames }: (typeof DEFINITIONS)["Subnet"]): readonly string[] => [
  plural,
  singular,
  ...shortNames,
];

/** What a kind may be called, as kubectl takes it: plural, singular, short. */
const NAMES: Readonly<Record<Shown, readonly string[]>> = {
  hypervisors: spellings(DEFINITIONS.Hypervisor),
  tenants: [...spellings(DEFINITIONS.Tenant), "ten"],
  subnets: [...spellings(DEFINITIONS.Subnet), "sub"],
  replicas: ["replicas", "replica", "rep"],
};

/** `subnet`, as it stands before a slash. */
export const singularOf = (kind: Shown): string => kind.slice(0, -1);

function kindCalled(name: string): Shown {
  const kind = SHOWN.find((one) => NAMES[one].includes(name.toLowerCase()));
  if (kind) return kind;
  const known = SHOWN.map((one) => `${one} (${NAMES[one].at(-1)})`).join(", ");
  throw new EvenkeelError("EK-USAGE", `there is no kind called ${JSON.stringify(name)}`, {
    fix: `ask for all, ${known}, or for one object as subnet/web`,
  });
}

/** Reads what was asked for: `all`, `subnets`, `subnets,tenants`, `subnet web`, `subnet/web replica/web-1`. */
export function parseWishes(words: readonly string[]): Wish[] {
  const [first = "", ...rest] = words;
  if (words.some((word) => word.includes("/")))
    return words.map((word) => {
      const [kind = "", name = "", ...more] = word.split("/");
      if (name === "" || more.length > 0)
        throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} names no object`, {
          fix: "one object is asked for as subnet/web",
        });
      return { kind: kindCalled(kind), name };
    });
  const kinds = first === "all" ? SHOWN : first.split(",").map(kindCalled);
  return kinds.flatMap((kind): Wish[] =>
    rest.length === 0 ? [{ kind }] : rest.map((name) => ({ kind, name })),
  );
}

/** Objects of one kind. */
export interface Selection {
  readonly kind: Shown;
  readonly objects: readonly FleetObject[];
}

/** What was asked for, by kind. `tenant`: only what is its own. Names that nothing has are in `missing`. */
export function select(
  view: FleetView,
  wishes: readonly Wish[],
  tenant: string | undefined,
): { readonly found: readonly Selection[]; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const chosen = new Map<Shown, FleetObject[]>();
  for (const { kind, name } of wishes) {
    const objects = chosen.get(kind) ?? [];
    const all: readonly FleetObject[] = view[kind];
    const fitting = all.filter(
      (one) => isOf(one, tenant) && (name === undefined || one.metadata.name === name),
    );
    if (name !== undefined && fitting.length === 0) missing.push(`${singularOf(kind)}/${name}`);
    chosen.set(kind, [...objects, ...fitting]);
  }
  return { found: [...chosen].map(([kind, objects]) => ({ kind, objects })), missing };
}

/** A tenant is its own; a hypervisor is nobody's, and is shown to everybody. */
const isOf = ({ kind, metadata }: FleetObject, tenant: string | undefined): boolean =>
  tenant === undefined ||
  kind === "Hypervisor" ||
  (kind === "Tenant" ? metadata.name : "namespace" in metadata && metadata.namespace) === tenant;
