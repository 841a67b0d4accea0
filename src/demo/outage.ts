import type { HypervisorName, TenantName } from "../api/names.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { Line } from "./line.ts";
import type { Visits } from "./crowd.ts";

/** Tells what is done, and left alone, while a hypervisor does not answer, and when it answers again. */
export class Outage {
  readonly #hypervisor: HypervisorName;
  readonly #tenant: TenantName;
  #state: "unseen" | "told" | "back" | undefined;
  #passes = 0;
  #removed = 0;

  constructor(hypervisor: HypervisorName, tenant: TenantName) {
    this.#hypervisor = hypervisor;
    this.#tenant = tenant;
  }

  /** How many passes have come to their end without it. */
  get passes(): number {
    return this.#passes;
  }

  get isOver(): boolean {
    return this.#state === "back";
  }

  /** What the passes until now did without it. `visits`: of the tenant's clients meanwhile. */
  tell({ served, failed, homes }: Visits): Line[] {
    this.#state = "told";
    const deleted = this.#removed === 0 ? "nothing deleted" : `${this.#removed} objects deleted`;
    const serves =
      failed === 0 && served > 0
        ? `${this.#tenant} keeps serving from ${homes.join(", ")}`
        : `${failed} of ${served + failed} connections to ${this.#tenant} failed`;
    return [
      {
        mark: this.#removed > 0 || served === 0 ? "failed" : "warning",
        text: `${this.#hypervisor} unplugged: ${deleted}, ${serves}`,
        chapter: "silent",
      },
    ];
  }

  pass({ tenants, observation }: PassResult): Line[] {
    const result = tenants.find(({ tenant }) => tenant === this.#tenant);
    const entries = result?.entries ?? [];
    if (observation.unseen.has(this.#hypervisor)) {
      this.#state ??= "unseen";
      this.#passes += 1;
      this.#removed += entries.filter(({ verb }) => verb === "remove").length;
      return [];
    }
    if (this.#state !== "told" || result?.state !== "converged") return [];
    this.#state = "back";
    const what = entries.length === 0 ? "no change needed" : `changed ${entries.length}`;
    return [{ mark: "done", text: `${this.#hypervisor} back: looked again, ${what}`, chapter: "back" }];
  }
}
