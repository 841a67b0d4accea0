import { EvenkeelError } from "../api/errors.ts";
import { type Clock, systemClock } from "../clock/clock.ts";
import { isAllSeen, viewHypervisors } from "../controllers/hypervisor-view.ts";
import { took } from "./duration.ts";
import { interruptible } from "./interrupt.ts";
import { viewForesight } from "./observe-fleet.ts";
import { foresee } from "./foresee.ts";
import { printable, wrap } from "./problems.ts";
import { select, singularOf, type Wish } from "./select.ts";
import { openSession, type SessionOptions } from "./session.ts";
import { answer, tell } from "./streams.ts";
import { missing, parseWanted, type Shown, type Wanted } from "./wait-condition.ts";
import { oneOf } from "./wish.ts";

export interface WaitOptions extends SessionOptions {
  readonly manifests: string;
  readonly namespace?: string;
  readonly for: string;
  /** Seconds. */
  readonly timeout: number;
}

/** `reconcile wait`: looks again and again until something is so. 0: it is; 2: the time is over. Changes nothing. */
export async function wait(word: string, options: WaitOptions): Promise<number> {
  const wish = oneOf(word);
  const wanted = parseWanted(options.for);
  const why = await interruptible((signal) =>
    waitFor(wanted, {
      look: () => lookAt(wish, options, signal),
      clock: systemClock,
      signal,
      timeoutSeconds: options.timeout,
    }),
  );
  const name = `${singularOf(wish.kind)}/${wish.name}`;
  if (why === undefined) {
    answer(`${name}: ${options.for}\n`);
    return 0;
  }
  tell(`${wrap(printable(`${name} is not as waited for after ${took(options.timeout * 1000)}: ${why}`))}\n`);
  return 2;
}

export interface WaitingOptions {
  readonly look: () => Promise<Shown>;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly signal: AbortSignal;
  readonly timeoutSeconds: number;
}

/** Between two looks, in milliseconds; each pause is longer than the one before, up to the longest. */
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 10_000;
const LONGER = 1.2;

/**
 * Looks until it is so; undefined then, or why it was not when it was looked at last before the time was over. A look that
 * fails is tried again, but for the first: what is wrong with a command is told at once.
 * @throws AbortError when the signal comes
 */
export async function waitFor(
  wanted: Wanted,
  { look, clock, signal, timeoutSeconds }: WaitingOptions,
): Promise<string | undefined> {
  const end = clock.now() + timeoutSeconds * 1000;
  let why = missing(wanted, await look());
  for (let pause = FIRST_PAUSE; why !== undefined; pause = Math.min(pause * LONGER, LONGEST_PAUSE)) {
    const left = end - clock.now();
    if (left <= 0) return why;
    // One look after the other.
    // oxlint-disable-next-line no-await-in-loop
    await clock.sleep(Math.min(pause, left), signal);
    // oxlint-disable-next-line no-await-in-loop
    why = await look().then((shown) => missing(wanted, shown), troubleOf);
  }
  return undefined;
}

/** The manifests may be half written, a hypervisor's name not to be found: that passes. */
function troubleOf(error: unknown): string {
  if (!(error instanceof EvenkeelError) || error.code === "EK-USAGE") throw error;
  return `the last look failed: ${error.message} [${error.code}]`;
}

/** As `get` shows it, with the manifests and the ledger as they are now. */
async function lookAt(wish: Wish, options: WaitOptions, signal: AbortSignal): Promise<Shown> {
  const session = await openSession(options.manifests, options, { hold: false });
  try {
    const foresight = await foresee(session.world, session.revision, { signal });
    const { found } = select(viewForesight(foresight, systemClock.now()), [wish], options.namespace);
    return {
      objects: found.flatMap(({ objects }) => objects),
      isAllSeen: isAllSeen(viewHypervisors(foresight.revision, foresight.result.observation)),
    };
  } finally {
    await session.close();
  }
}
