import type { HypervisorName, SubnetName, TenantName } from "../../src/api/names.ts";
import { type Metrics, openMetrics } from "../../src/telemetry/metrics.ts";
import type { Snapshot } from "../../src/telemetry/snapshot.ts";

export const HV1 = "hv1" as HypervisorName;
const T2 = "t2" as TenantName;
const NOW = 1_800_000_000_000;

/** A fleet with one of everything. */
export const SNAPSHOT: Snapshot = {
  now: NOW,
  revision: { id: "88ab310", dirty: false, appliedAt: NOW - 60_000, errors: 1 },
  hypervisors: [
    { name: HV1, up: true, lastLookAt: NOW - 3000, loadRatio: 0.12, used: 4, capacity: 50 },
    {
      name: "hv2" as HypervisorName,
      up: false,
      lastLookAt: undefined,
      loadRatio: undefined,
      used: undefined,
      capacity: 38,
    },
  ],
  tenants: [{ name: T2, errors: 0, drift: 3, refusals: 1 }],
  subnets: [
    {
      tenant: T2,
      name: "web" as SubnetName,
      replicas: { ready: 3, notReady: 0, unknown: 2, starting: 0, draining: 0, stopping: 0, leaving: 0 },
      desired: 5,
      min: 2,
      max: 6,
      loads: { cpu: 0.182, memory: undefined },
      thresholds: { cpu: { min: 0.25, max: 0.6 } },
      oldestSampleAt: NOW - 9000,
      blocked: "NowhereToPlace",
      paused: true,
    },
  ],
  conditions: [
    { kind: "Subnet", tenant: T2, name: "web", conditions: [{ type: "Ready", status: "Unknown" }] },
  ],
  queues: [{ name: "tenant", depth: 2, workingSeconds: [1.5, 0.5] }],
  fleetRefusals: 0,
};

export const NOTHING: Snapshot = {
  now: NOW,
  revision: undefined,
  hypervisors: [],
  tenants: [],
  subnets: [],
  conditions: [],
  queues: [],
  fleetRefusals: 0,
};

/** Metrics after a bit of everything was counted. */
export function counted(): Metrics {
  const metrics = openMetrics({ version: "1.2.3", controllers: ["hypervisor", "tenant"] });
  metrics.reconciles.reconciled("tenant", "success", 0.2);
  metrics.reconciles.reconciled("tenant", "error", 3);
  metrics.queues.added("tenant");
  metrics.queues.retried("tenant");
  metrics.queues.waited("tenant", 0.02);
  metrics.queues.worked("tenant", 0.3);
  metrics.hypervisors.looked(HV1, 0.3);
  metrics.changes.acted({ hypervisor: HV1, kind: "container", verb: "add", result: "done" });
  metrics.scaling.decided("out", "AboveMax");
  metrics.scaling.decided("none", "cpu 31 % > 10 %, but replicas.max is 6");
  metrics.scaling.drained(12, 0);
  metrics.process.ledgerNotWritten();
  return metrics;
}
