import type { TenantName } from "../api/names.ts";
import type { Clock } from "../clock/clock.ts";
import type { AutoscaleResult, World } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { History } from "../history/write.ts";
import type { Connections } from "../hosts/connections.ts";
import type { Revision } from "../manifests/revision.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { Listen } from "../server/listen.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface DaemonOptions {
  readonly world: World;
  /** Follows the hypervisors that manifests name. */
  readonly connections: Pick<Connections, "follow">;
  readonly directory: string;
  readonly first: Revision;
  readonly clock: Clock;
  /** Ends after what was begun; at once. */
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** How often everything is read and looked at, whether or not something is known to have changed. */
  readonly resyncSeconds: number;
  readonly lookSeconds: number;
  readonly changeSeconds: number;
  readonly history: Pick<History, "append">;
  /** Held by this process; operators speak to it there, or nowhere when there is none. */
  readonly stateDirectory: string | undefined;
  readonly metrics: Metrics;
  /** Where metrics and health are served. */
  readonly listen: Listen;
  readonly told: DaemonWatch;
}

/** Told what the daemon does, for the terminal, the history and the metrics. */
export interface DaemonWatch {
  readonly revision: (revision: Revision) => void;
  readonly plan: (tenant: TenantName, entries: readonly PlanEntry[]) => void;
  readonly pass: (result: PassResult) => void;
  readonly decisions: (result: AutoscaleResult) => void;
  readonly listening: (at: Listen) => void;
  /** Something went wrong that no hypervisor and no manifest is to blame for. */
  readonly trouble: (error: Error) => void;
}
