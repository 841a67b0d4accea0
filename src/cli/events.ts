import { systemClock } from "../clock/clock.ts";
import { readOldestFirst } from "../history/read.ts";
import type { Kept } from "../history/record.ts";
import { load } from "../manifests/load.ts";
import { describeEvents } from "./events-text.ts";
import { explained } from "./explained.ts";
import { singularOf } from "./select.ts";
import { stateDirectoryOf } from "./session.ts";
import { answer, json } from "./streams.ts";
import { oneOf } from "./wish.ts";

export interface EventsOptions {
  readonly output: "table" | "json" | "name";
  readonly manifests: string;
  /** Only what is this tenant's, and what happened to hypervisors. */
  readonly namespace?: string;
  /** Seconds. */
  readonly since?: number;
  readonly stateDir?: string;
}

/** `reconcile events`: what the daemon has written down, oldest first. Looks at no hypervisor. */
export async function events(word: string | undefined, options: EventsOptions): Promise<number> {
  const { namespace, since, manifests } = options;
  const isAbout = about(word, namespace);
  const directory =
    options.stateDir ??
    (await explained(manifests, async () => stateDirectoryOf((await load(manifests)).fleet, undefined)));
  const now = systemClock.now();
  const found = await readOldestFirst(directory, {
    kind: "event",
    isAbout,
    ...(since !== undefined && { since: now - since * 1000 }),
  });
  // A count may be written down after what has happened since.
  const records = found.toSorted((a, b) => a.time - b.time);
  answer(print(records, options.output, { namespace, now }));
  return 0;
}

/** Which objects are meant: one, or all that concern a tenant. A hypervisor is nobody's, and concerns everybody. */
function about(word: string | undefined, namespace: string | undefined): (object: string) => boolean {
  const isTenants = (object: string): boolean => {
    const [kind, owner] = object.split("/");
    return namespace === undefined || kind === "hypervisor" || owner === namespace;
  };
  if (word === undefined) return isTenants;
  const wish = oneOf(word);
  const kind = singularOf(wish.kind);
  const { name } = wish;
  return (object) =>
    isTenants(object) && object.startsWith(`${kind}/`) && object.slice(object.lastIndexOf("/") + 1) === name;
}

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

function print(
  records: readonly Kept[],
  output: EventsOptions["output"],
  options: { readonly namespace: string | undefined; readonly now: number },
): string {
  switch (output) {
    case "json": {
      const items = records.map(({ time, first, series: _series, ...rest }) => ({
        time: iso(time),
        first: iso(first),
        ...rest,
      }));
      return json({ apiVersion: "v1", kind: "List", items });
    }
    case "name":
      return records.map(({ object }) => `${object}\n`).join("");
    case "table":
      return describeEvents(records, options);
  }
}
