import type { Metrics } from "../telemetry/metrics.ts";
import type { Snapshot } from "../telemetry/snapshot.ts";
import type { Route } from "./server.ts";

/** `/metrics`: what Prometheus reads, brought up to date as it is asked for. */
export const exposition =
  (metrics: Pick<Metrics, "contentType" | "render">, snapshot: () => Snapshot): Route =>
  async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.render(snapshot()) });
