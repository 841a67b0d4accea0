import { systemClock } from "../clock/clock.ts";
import { viewHypervisors } from "../controllers/hypervisor-view.ts";
import { type FleetGraph, graphOf } from "../status/graph.ts";
import { begin } from "./begin.ts";
import { describeSource, notFound } from "./seen.ts";
import { drawMermaid } from "./graph-mermaid.ts";
import { drawSvg } from "./graph-svg.ts";
import { drawText } from "./graph-text.ts";
import { viewForesight } from "./observe-fleet.ts";
import { foreseen } from "./plan.ts";
import type { SessionOptions } from "./session.ts";
import { answer, json, tell } from "./streams.ts";

export interface GraphOptions extends SessionOptions {
  readonly output: "text" | "mermaid" | "svg" | "json";
  /** Only this tenant, and the hypervisors that it uses. */
  readonly namespace?: string;
}

const DRAW: Readonly<Record<GraphOptions["output"], (graph: FleetGraph) => string>> = {
  text: drawText,
  mermaid: drawMermaid,
  svg: drawSvg,
  json,
};

/** `reconcile graph`: who stands where and what connects it, from the ledger and one look. Holds nothing and changes nothing. */
export async function graph(directory: string, options: GraphOptions): Promise<number> {
  const session = await begin(directory, options, { hold: false, quiet: true });
  try {
    const foresight = await foreseen(session);
    tell(describeSource(viewHypervisors(foresight.revision, foresight.result.observation)));
    const { fleet } = session.world;
    const drawn = graphOf(viewForesight(foresight, systemClock.now()), fleet, options.namespace);
    if (options.namespace !== undefined && drawn.tenants.length === 0)
      throw notFound(`tenant/${options.namespace}`, fleet);
    answer(DRAW[options.output](drawn));
    return 0;
  } finally {
    await session.close();
  }
}
