import type { HypervisorName, TenantName } from "../api/names.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import type { AutoscaleResult, TenantResult } from "../controllers/controller.ts";
import { fleetView } from "../controllers/fleet-view.ts";
import { failureNote, refusalNote } from "../controllers/notes.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { Observation } from "../facts/facts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Revision } from "../manifests/revision.ts";
import { collapse } from "../plan/collapse.ts";
import { withLoads } from "../status/known-loads.ts";
import { statesOf, type TenantState } from "../status/state.ts";
import type { FleetView } from "../status/view.ts";
import { isSeenWhole } from "../facts/visibility.ts";

/** What the daemon knows now: the one place that everybody reads who wants to know. */
export class Live {
  readonly #ledger: Ledger;
  readonly #results = new Map<TenantName, TenantResult>();
  readonly #decisions = new Map<string, DecisionRecord>();
  readonly #growth = new Map<string, readonly Note[]>();
  readonly #lookedAt = new Map<HypervisorName, number>();
  #observation: Observation | undefined;
  #loads: ReadonlyMap<HypervisorName, number> | undefined;
  #refusals: readonly Refusal[] = [];
  #version = 0;
  #applied: { readonly digest: string; readonly at: number } | undefined;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A pass over some tenants, or all, is over. */
  passed({ tenants, observation, refusals }: PassResult, revision: Revision, now: number): void {
    this.#version += 1;
    for (const result of tenants) this.#results.set(result.tenant, result);
    const known = (tenant: TenantName): boolean =>
      revision.tenants.has(tenant) || this.#ledger.state.tenants[tenant] !== undefined;
    for (const tenant of this.#results.keys()) if (!known(tenant)) this.#results.delete(tenant);
    for (const [name, facts] of observation.seen) if (isSeenWhole(facts)) this.#lookedAt.set(name, now);
    this.#observation = observation;
    this.#refusals = refusals;
    const isApplied = [...this.#results.values()].every(({ state }) => state === "converged");
    if (isApplied && this.#applied?.digest !== revision.digest)
      this.#applied = { digest: revision.digest, at: now };
  }

  decided({ records, notes, loads }: AutoscaleResult): void {
    this.#version += 1;
    this.#loads = loads;
    for (const record of records) {
      const key = `subnet/${record.tenant}/${record.subnet}`;
      this.#decisions.set(key, record);
      this.#growth.set(
        key,
        notes.filter(({ object }) => object === key),
      );
    }
  }

  /** Another number after each time that something became known. */
  get version(): number {
    return this.#version;
  }

  get observation(): Observation | undefined {
    return this.#observation;
  }

  get loads(): ReadonlyMap<HypervisorName, number> | undefined {
    return this.#loads;
  }

  /** What waits for approval and is no single tenant's. */
  get refusals(): readonly Refusal[] {
    return this.#refusals;
  }

  get results(): ReadonlyMap<TenantName, TenantResult> {
    return this.#results;
  }

  /** When a hypervisor was last seen in whole, milliseconds since the epoch. */
  lookedAt(hypervisor: HypervisorName): number | undefined {
    return this.#lookedAt.get(hypervisor);
  }

  /** When the revision was first seen to be in force everywhere. */
  appliedAt({ digest }: Revision): number | undefined {
    return this.#applied?.digest === digest ? this.#applied.at : undefined;
  }

  decision(tenant: TenantName, subnet: string): DecisionRecord | undefined {
    return this.#decisions.get(`subnet/${tenant}/${subnet}`);
  }

  /** Every object with its status; undefined before the first look. */
  view(revision: Revision, now: number): FleetView | undefined {
    if (!this.#observation) return undefined;
    const tenants = [...this.#results.values()].map((result) => ({
      name: result.tenant,
      sighting: result.sighting,
      notes: [
        ...result.refusals.map(refusalNote),
        ...result.failures.map((failure) => failureNote(result.tenant, failure)),
        ...result.notes,
        ...[...this.#growth].flatMap(([key, notes]) => (key.split("/")[1] === result.tenant ? notes : [])),
      ],
      pending: collapse(result.undone).map(({ subnet }) => subnet),
    }));
    const observation = this.#observation;
    return fleetView({ revision, memory: this.#ledger.state, observation, tenants, now });
  }

  /** Every tenant's state, with the loads that were just decided on; undefined before the first look. */
  states(revision: Revision, now: number): readonly TenantState[] | undefined {
    const view = this.view(revision, now);
    const decisions = [...this.#decisions.values()].map(
      (data) => [`${data.tenant}/${data.subnet}`, { data }] as const,
    );
    return view && statesOf(withLoads(view, new Map(decisions), now), now);
  }
}
