import type { Clock } from "../clock/clock.ts";
import type { AutoscaleResult } from "../controllers/controller.ts";
import type { PassResult } from "../controllers/pass.ts";
import type { HistoryRecord } from "../history/record.ts";
import type { History } from "../history/write.ts";
import type { Revision } from "../manifests/revision.ts";
import { Chronicle } from "./chronicle.ts";

/** Writes down what happens. A history that cannot be written holds nothing up: it is told once, and goes on. */
export class Recorder {
  readonly #history: Pick<History, "append">;
  readonly #clock: Clock;
  readonly #trouble: (error: unknown) => void;
  readonly #chronicle = new Chronicle();
  #isWritten = true;

  constructor(history: Pick<History, "append">, clock: Clock, trouble: (error: unknown) => void) {
    this.#history = history;
    this.#clock = clock;
    this.#trouble = trouble;
  }

  revision(revision: Revision): void {
    this.#events(this.#chronicle.revision(revision));
  }

  pass({ tenants }: PassResult): void {
    for (const result of tenants) this.#events(this.#chronicle.tenant(result));
  }

  decisions({ records }: AutoscaleResult): void {
    for (const record of records) {
      this.#events(this.#chronicle.decision(record));
      const { tenant, subnet, trace } = record;
      const held = trace.stages.find(({ from, to }) => from !== trace.current && to === trace.current);
      this.#append({
        time: trace.at,
        kind: "decision",
        type: "Normal",
        object: `subnet/${tenant}/${subnet}`,
        reason: trace.verdict,
        message: held?.name ?? `${trace.current} to ${trace.desired}`,
        data: record,
      });
    }
  }

  #events(events: readonly Omit<HistoryRecord, "time" | "kind">[]): void {
    for (const event of events) this.#append({ ...event, time: this.#clock.now(), kind: "event" });
  }

  #append(record: HistoryRecord): void {
    void this.#write(record);
  }

  async #write(record: HistoryRecord): Promise<void> {
    try {
      await this.#history.append(record);
      this.#isWritten = true;
    } catch (error) {
      if (this.#isWritten) this.#trouble(error);
      this.#isWritten = false;
    }
  }
}
