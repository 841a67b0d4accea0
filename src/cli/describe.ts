import { systemClock } from "../clock/clock.ts";
import { viewHypervisors } from "../controllers/hypervisor-view.ts";
import { newestDecision } from "../history/decisions.ts";
import { readOldestFirst } from "../history/read.ts";
import type { FleetObject } from "../status/objects.ts";
import { begin } from "./begin.ts";
import { describeObject } from "./describe-text.ts";
import { describeSource, notFound, viewWithLoads } from "./seen.ts";
import { foreseen } from "./plan.ts";
import { select } from "./select.ts";
import type { SessionOptions } from "./session.ts";
import { answer, tell } from "./streams.ts";
import { oneOf } from "./wish.ts";

export interface DescribeOptions extends SessionOptions {
  readonly manifests: string;
  readonly namespace?: string;
}

/** The newest events of an object that are shown with it. */
const EVENTS = 10;

/** `reconcile describe`: all there is to say about one object, from the ledger, one look and the history. Changes nothing. */
export async function describe(word: string, options: DescribeOptions): Promise<number> {
  const wish = oneOf(word);
  const session = await begin(options.manifests, options, { hold: false, quiet: true });
  try {
    const foresight = await foreseen(session);
    tell(describeSource(viewHypervisors(foresight.revision, foresight.result.observation)));
    const now = systemClock.now();
    const view = await viewWithLoads(session, foresight, now);
    const { found, missing } = select(view, [wish], options.namespace);
    if (missing[0] !== undefined) throw notFound(missing[0], session.world.fleet);
    const texts = found
      .flatMap(({ objects }) => objects)
      .map(async (object) => {
        const isAbout = eventsOf(object);
        const events = await readOldestFirst(session.stateDirectory, {
          kind: "event",
          isAbout,
          last: EVENTS,
        });
        const decision =
          object.kind === "Subnet"
            ? await newestDecision(session.stateDirectory, {
                tenant: object.metadata.namespace,
                subnet: object.metadata.name,
              })
            : undefined;
        return describeObject(object, { view, decision, events, now });
      });
    answer((await Promise.all(texts)).join("\n"));
    return 0;
  } finally {
    await session.close();
  }
}

/** Which events are an object's: its own, a subnet's replicas' too, and all of a tenant's. */
export function eventsOf({ kind, metadata }: FleetObject): (object: string) => boolean {
  const { name } = metadata;
  const owner = "namespace" in metadata ? metadata.namespace : "";
  switch (kind) {
    case "Hypervisor":
      return (object) => object === `hypervisor/${name}`;
    case "Tenant":
      return (object) => object.split("/")[1] === name && !object.startsWith("hypervisor/");
    case "Subnet":
      return (object) =>
        object === `subnet/${owner}/${name}` || object.replace(/-\d+$/, "") === `replica/${owner}/${name}`;
    case "Replica":
      return (object) => object === `replica/${owner}/${name}`;
  }
}
