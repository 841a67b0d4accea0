import type { TenantName } from "../api/names.ts";
import type { PassResult } from "../controllers/pass.ts";
import { collapse } from "../plan/collapse.ts";
import type { PlanEntry } from "../plan/plan.ts";
import type { Line } from "./line.ts";

/** Tells when a tenant stands for the first time, and what was made for that. */
export class Onboarding {
  readonly #tenant: TenantName;
  readonly #began: number;
  readonly #entries: PlanEntry[] = [];
  #isOver = false;

  /** @param began milliseconds since the epoch */
  constructor(tenant: TenantName, began: number) {
    this.#tenant = tenant;
    this.#began = began;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  pass({ tenants }: PassResult, now: number): Line[] {
    const result = tenants.find(({ tenant }) => tenant === this.#tenant);
    if (this.#isOver || !result) return [];
    this.#entries.push(...result.entries);
    if (result.state !== "converged") return [];
    this.#isOver = true;
    const aside = `${((now - this.#began) / 1000).toFixed(1)} s`;
    const text = `onboarded ${this.#tenant}: ${describe(collapse(this.#entries))}`;
    return [{ mark: "done", text, aside, chapter: "onboarded" }];
  }
}

/** A segment is one VXLAN, on however many hypervisors it ends. */
function describe(made: readonly PlanEntry[]): string {
  const of = (kind: string): readonly PlanEntry[] => made.filter((one) => one.kind === kind);
  const segments = new Set(of("vxlan").map(({ name }) => name)).size;
  return [
    of("uplink").length > 0 ? "gateway" : [],
    segments > 0 ? `${segments} segments` : [],
    `${of("container").length} replicas`,
  ]
    .flat()
    .join(", ");
}
