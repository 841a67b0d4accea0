import { type HypervisorName, type ReplicaName, replicaName } from "../api/names.ts";
import { showLoad } from "../autoscale/policy.ts";
import type { DecisionRecord } from "../autoscale/record.ts";
import { sentence, type ShowTime } from "../autoscale/sentence.ts";
import { ordinals } from "../autoscale/stages.ts";
import type { AutoscaleResult } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { FleetMemory, ReplicaMemory } from "../replicas/memory.ts";
import type { DrainReceipt } from "../replicas/receipt.ts";
import type { Line } from "./line.ts";

/** A decision that is being carried out. */
interface Change {
  readonly record: DecisionRecord;
  readonly receipts: DrainReceipt[];
}

/** What holds growth until somebody does something about it. */
const LASTING: readonly string[] = ["quota", "bounds", "placement"];

/** Tells of each decision on a count when it has been carried out, and of growth that nothing came of. */
export class Scaling {
  readonly #memory: () => FleetMemory;
  readonly #time: ShowTime;
  #open: Change[] = [];
  /** What holds growth now. */
  #held: string | undefined;
  #last: DecisionRecord | undefined;
  #hasChanged = false;

  constructor(memory: () => FleetMemory, time: ShowTime) {
    this.#memory = memory;
    this.#time = time;
  }

  /** Whether every decision has been carried out. */
  get isSettled(): boolean {
    return this.#open.length === 0;
  }

  /** What is to be said of a load that led to nothing. */
  unchanged(): Line[] {
    if (this.#hasChanged || !this.#last) return [];
    const isKnown = this.#last.trace.verdict !== "unknown";
    return [{ mark: isKnown ? "done" : "warning", text: sentence(this.#last, this.#time) }];
  }

  decisions({ records }: AutoscaleResult): Line[] {
    return records.flatMap((record): Line[] => {
      const { current, desired, verdict, stages } = record.trace;
      this.#last = record;
      if (desired !== current) {
        this.#hasChanged = true;
        this.#open.push({ record, receipts: [] });
      }
      const held = stages.find(({ from, to }) => from > current && to === current)?.name;
      const isNew = verdict === "out" && held !== undefined && held !== this.#held;
      this.#held = verdict === "out" ? held : undefined;
      return isNew && LASTING.includes(held) ? [{ mark: "warning", text: sentence(record, this.#time) }] : [];
    });
  }

  pass({ tenants }: PassResult): Line[] {
    for (const receipt of tenants.flatMap(({ receipts }) => receipts))
      this.#open.find((change) => takes(change, receipt))?.receipts.push(receipt);
    const over = this.#open.flatMap((change) => {
      const lines = this.#lines(change);
      return lines.length > 0 ? [{ change, lines }] : [];
    });
    this.#open = this.#open.filter((change) => !over.some((one) => one.change === change));
    return over.flatMap(({ lines }) => lines);
  }

  /** What came of a change; nothing while it is not over. */
  #lines({ record, receipts }: Change): Line[] {
    const { current, desired } = record.trace;
    if (desired < current) return receipts.length < current - desired ? [] : [shrunk(record, receipts)];
    const tenant = this.#memory().tenants[record.tenant];
    const serving = ordinals(current, desired).flatMap(
      (ordinal) =>
        tenant?.replicas.find(
          (one) => one.subnet === record.subnet && one.ordinal === ordinal && one.phase === "serving",
        ) ?? [],
    );
    return serving.length < desired - current ? [] : [grown(record, serving, tenant?.primary)];
  }
}

/** Whether a receipt is of a replica that goes by this change. */
const takes = ({ record, receipts }: Change, { tenant, replica }: DrainReceipt): boolean => {
  const { current, desired } = record.trace;
  const isOurs = tenant === record.tenant && replica.startsWith(`${record.subnet}-`);
  return isOurs && receipts.length < current - desired;
};

function grown(
  record: DecisionRecord,
  replicas: readonly ReplicaMemory[],
  home: HypervisorName | undefined,
): Line {
  const { current, desired, placements } = record.trace;
  const away = replicas.filter(({ hypervisor }) => hypervisor !== home);
  const names = replicas.map(({ subnet, ordinal }) => replicaName(subnet, ordinal));
  const [passedOver] = placements.flatMap(({ reasons }) => reasons);
  const why = away.length > 0 && passedOver !== undefined ? `; ${passedOver}` : "";
  const where = away.length > 0 ? `burst to ${placesOf(away)}` : `at home (${placesOf(replicas)})`;
  return {
    mark: "done",
    text: `${causeOf(record)}${why}: ${current} → ${desired}, ${where}`,
    aside: names.join(", "),
    chapter: away.length > 0 ? "burst" : "home",
  };
}

function shrunk(record: DecisionRecord, receipts: readonly DrainReceipt[]): Line {
  const { current, desired } = record.trace;
  const names: readonly ReplicaName[] = receipts.map(({ replica }) => replica);
  const seen = receipts.reduce((sum, { connectionsSeen }) => sum + connectionsSeen, 0);
  const cut = receipts.reduce((sum, { connectionsCut }) => sum + connectionsCut, 0);
  return {
    mark: cut > 0 ? "warning" : "done",
    text: `${causeOf(record)}: ${current} → ${desired}, drained, ${cut} of ${seen} connections cut, removed`,
    aside: names.join(", "),
    chapter: "in",
  };
}

const placesOf = (replicas: readonly ReplicaMemory[]): string =>
  [...new Set(replicas.map(({ hypervisor }) => hypervisor))].join(", ");

/** `load 14.2 %`, or the bound that decided. */
function causeOf({ trace }: DecisionRecord): string {
  const isByLoad = trace.desired > trace.current ? trace.verdict === "out" : trace.verdict === "in";
  const loads = trace.metrics.map(({ metric, ratio = 0 }) => showLoad(metric, ratio));
  if (isByLoad) return `load ${loads.join(", ")}`;
  return trace.stages.find(({ name }) => name === "bounds")?.reason ?? "";
}
