import { Gauge, type Registry } from "prom-client";
import type { Snapshot } from "../snapshot.ts";
import { type Family, setAll } from "./family.ts";

/** What runs, which manifests are in force, and what is wrong with them. */
export class RevisionMetrics implements Family {
  readonly #info: Gauge;
  readonly #applied: Gauge;
  readonly #errors: Gauge;

  constructor(registry: Registry, version: string) {
    const registers = [registry];
    const build = new Gauge({
      name: "evenkeel_build_info",
      help: "Always 1; the labels say what runs.",
      labelNames: ["version", "node"],
      registers,
    });
    build.set({ version, node: process.version }, 1);
    this.#info = new Gauge({
      name: "evenkeel_revision_info",
      help: "Always 1; the labels say which revision of the manifests is in force.",
      labelNames: ["revision", "dirty"],
      registers,
    });
    this.#applied = new Gauge({
      name: "evenkeel_revision_applied_timestamp_seconds",
      help: "When the revision in force was first seen to stand as it says, in seconds since the epoch.",
      labelNames: [],
      registers,
    });
    // There is no moment at which nothing was applied.
    this.#applied.remove();
    this.#errors = new Gauge({
      name: "evenkeel_manifest_errors",
      help: "Errors in a tenant's documents; in the provider's own where the tenant is empty.",
      labelNames: ["tenant"],
      registers,
    });
  }

  observe({ revision, tenants }: Snapshot): void {
    setAll(
      this.#info,
      revision ? [{ labels: { revision: revision.id, dirty: String(revision.dirty) }, value: 1 }] : [],
    );
    if (revision?.appliedAt === undefined) this.#applied.remove();
    else this.#applied.set(revision.appliedAt / 1000);
    setAll(this.#errors, [
      { labels: { tenant: "" }, value: revision?.errors },
      ...tenants.map(({ name, errors }) => ({ labels: { tenant: name }, value: errors })),
    ]);
  }
}
