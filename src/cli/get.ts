import { stringify } from "yaml";
import { EvenkeelError } from "../api/errors.ts";
import { getState, isState, type StateOptions } from "./get-state.ts";
import { coloursFor, describeError } from "./problems.ts";
import { notFound, seen } from "./seen.ts";
import { parseWishes, select, type Selection, singularOf } from "./select.ts";
import { answer, json, tell } from "./streams.ts";
import { tableOf } from "./table.ts";

export interface GetOptions extends StateOptions {
  /** Only what is this tenant's. */
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/** `reconcile get`: what there is and how it stands, from the ledger and one look. Holds nothing and changes nothing. */
export async function get(words: readonly string[], options: GetOptions): Promise<number> {
  const tenant = options.allNamespaces ? undefined : options.namespace;
  if (isState(words)) return await getState(tenant, options);
  const wishes = parseWishes(words);
  const { output } = options;
  if (output === "legacy")
    throw new EvenkeelError("EK-USAGE", "-o legacy goes with state", {
      fix: "reconcile get state -n TENANT -o legacy",
    });
  return await seen(options.manifests, options, (view, { fleet, now }) => {
    const { found, missing } = select(view, wishes, tenant);
    const isOne = wishes.length === 1 && wishes[0]?.name !== undefined;
    const manyTenants = tenant === undefined;
    answer(print(found, output, { isOne, manyTenants, now }));
    for (const name of missing) tell(describeError(notFound(name, fleet), coloursFor(process.stderr)));
    return missing.length > 0 ? 1 : 0;
  });
}

interface PrintOptions {
  /** Exactly one object was asked for: it is printed without a list around it. */
  readonly isOne: boolean;
  readonly manyTenants: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What was found, in one of kubectl's ways. */
export function print(
  found: readonly Selection[],
  output: Exclude<GetOptions["output"], "legacy">,
  { isOne, manyTenants, now }: PrintOptions,
): string {
  const items = found.flatMap(({ objects }) => objects);
  const whole = isOne && items.length === 1 ? items[0] : { apiVersion: "v1", kind: "List", items };
  switch (output) {
    case "json":
      return json(whole);
    case "yaml":
      return stringify(whole);
    case "name":
      return found
        .flatMap(({ kind, objects }) =>
          objects.map(({ metadata }) => `${singularOf(kind)}/${metadata.name}\n`),
        )
        .join("");
    case "table":
    case "wide": {
      const options = { wide: output === "wide", manyTenants, manyKinds: found.length > 1, now };
      const tables = found.filter(({ objects }) => objects.length > 0).map((one) => tableOf(one, options));
      return tables.length > 0 ? tables.join("\n") : "No objects found.\n";
    }
  }
}
