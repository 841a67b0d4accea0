import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import type { World } from "../controllers/controller.ts";
import type { TenantState } from "../status/state.ts";
import { stateTexts, WrittenStates } from "../status/state-texts.ts";

/** What of the world it takes to reach bastions. */
type BastionWorld = Pick<World, "fleet" | "ledger" | "hosts" | "reach" | "claim" | "log">;

/**
 * Each tenant's state where its bastion shows it: `state.json`, and `state.legacy.json` beside it. A hypervisor that does not
 * answer holds nobody up, and gets it with what becomes known after that.
 */
export class BastionFiles {
  readonly #written = new WrittenStates();
  readonly #world: BastionWorld;
  readonly #signal: AbortSignal;

  /** @param signal ends what is being written at once */
  constructor(world: BastionWorld, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
  }

  /** Whether any tenant has a bastion. */
  get isNeeded(): boolean {
    return Object.values(this.#world.ledger.state.tenants).some(({ bastion }) => bastion !== undefined);
  }

  /**
   * Brings the files up to date, one exec for each hypervisor where something has changed.
   * @throws EvenkeelError EK-CHANGE-FAILED, when all others have theirs
   */
  async write(states: readonly TenantState[]): Promise<void> {
    const { ledger, reach } = this.#world;
    const due = new Map<HypervisorName, TenantState[]>();
    const places = new Set<string>();
    for (const state of states) {
      const home = ledger.state.tenants[state.metadata.name]?.bastion?.hypervisor;
      if (home === undefined) continue;
      const place = placeOf(home, state);
      places.add(place);
      if (this.#written.isDue(place, state) && reach.silence(home) === undefined)
        due.set(home, [...(due.get(home) ?? []), state]);
    }
    this.#written.keep(places);
    const failures = await Promise.all([...due].map(([home, own]) => this.#writeAt(home, own)));
    for (const failure of failures) if (failure) throw failure;
  }

  /** @returns what is to be told */
  async #writeAt(home: HypervisorName, states: readonly TenantState[]): Promise<Error | undefined> {
    const { fleet, claim, hosts, log } = this.#world;
    const files = states.flatMap((state) =>
      stateTexts(state).map(([ending, text]) => ({
        tenant: state.metadata.name,
        name: `state${ending}`,
        text,
      })),
    );
    try {
      const host = hosts.get(home);
      if (!host) return undefined;
      await host.publish({ fleet, claim, files, signal: this.#signal });
      for (const state of states) this.#written.wrote(placeOf(home, state), state);
      return undefined;
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      log.debug({ hypervisor: home, error: error.message }, "a bastion's snapshot was not written");
      return error.code === "EK-CHANGE-FAILED" ? error : undefined;
    }
  }
}

const placeOf = (home: HypervisorName, { metadata }: TenantState): string => `${home} ${metadata.name}`;
