import { legacyState } from "./legacy-state.ts";
import type { TenantState } from "./state.ts";

/** What has not changed is written again after this long, in milliseconds, so that its time says that somebody keeps it. */
const STALE = 30_000;

/** A tenant's state as files hold it, and the same in the predecessor's format. */
const FORMATS: Readonly<Record<string, (state: TenantState) => object>> = {
  ".json": (state) => state,
  ".legacy.json": legacyState,
};

/** The text of each of its files, by the end of their names; in this order, so that the second never tells more. */
export const stateTexts = (state: TenantState): readonly (readonly [ending: string, text: string])[] =>
  Object.entries(FORMATS).map(([ending, show]) => [ending, `${JSON.stringify(show(state), undefined, 2)}\n`]);

/** What was last written in some places, without its time, and that time. */
export class WrittenStates {
  readonly #written = new Map<string, { readonly text: string; readonly at: number }>();

  /** Whether a place does not hold this state yet, or has not been written for long. */
  isDue(place: string, state: TenantState): boolean {
    const before = this.#written.get(place);
    return before?.text !== withoutTime(state) || Date.parse(state.time) - before.at >= STALE;
  }

  wrote(place: string, state: TenantState): void {
    this.#written.set(place, { text: withoutTime(state), at: Date.parse(state.time) });
  }

  /** Forgets all other places. */
  keep(places: ReadonlySet<string>): void {
    for (const place of this.#written.keys()) if (!places.has(place)) this.#written.delete(place);
  }
}

const withoutTime = (state: TenantState): string => JSON.stringify({ ...state, time: "" });
