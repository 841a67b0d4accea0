import { planIdOf } from "../api/digest.ts";
import type { TenantName } from "../api/names.ts";
import type { Note, Refusal } from "../api/reasons.ts";
import type { Tenant } from "../api/kinds.gen.ts";
import { isNat } from "../resources/nat.ts";
import type { Resource } from "../resources/resource.ts";
import { type Sighting, isBalanced } from "./evidence.ts";
import type { TenantMemory } from "./memory.ts";

/** What a tenant's home is to be, and what is known of where it is. */
export interface HomeInput extends Sighting {
  readonly tenant: TenantName;
  readonly document: Tenant | undefined;
  readonly approvals: readonly string[];
}

/** Where the gateway stands, and how far it is on its way to another home. */
export interface Home extends Pick<TenantMemory, "primary" | "move"> {
  readonly notes: readonly Note[];
  /** What happened now, and is told once. */
  readonly news: readonly Note[];
  readonly refusals: readonly Refusal[];
  readonly spent: readonly string[];
}

/** Whether something answers for the tenant's service addresses. */
export const isAnnouncing = ({ kind }: Resource): boolean => kind === "uplink" || kind === "local-pair";

/**
 * The gateway's next step towards the home that the manifest names. First its rules are made there; then the old home stops
 * answering; then the new one begins. Never do two answer for one address, and nothing is given up before what replaces it
 * stands. Connections that pass the gateway do not survive that: they are counted.
 *
 * With the old home unseen it would answer again when it comes back, so somebody has to say that it is off. One that is not
 * seen cannot become the home.
 */
export function homeOf({ primary: former, move, replicas }: TenantMemory, input: HomeInput): Home {
  const { tenant, document, seen, observed, approvals } = input;
  const to = document?.spec.primary ?? former;
  const stays: Home = { primary: former, move: undefined, notes: [], news: [], refusals: [], spent: [] };
  if (to === undefined || former === undefined || former === to) return { ...stays, primary: to };
  const object = `tenant/${tenant}`;
  const say = (severity: Note["severity"], reason: Note["reason"], message: string): Note => ({
    reason,
    object,
    message,
    severity,
  });
  const way = `from ${former} to ${to}`;
  // guard: never two homes
  if (!seen.has(to))
    return {
      ...stays,
      notes: [say("stuck", "HomeUnreachable", `the gateway is to move ${way}, but ${to} was not seen`)],
    };
  // guard: never two homes
  if (!seen.has(former)) {
    const id = planIdOf({ move: tenant, from: former, to });
    if (approvals.includes(id))
      return {
        ...stays,
        primary: to,
        spent: [id],
        news: [say("info", "HomeMoved", `the gateway moved ${way}, which is off`)],
      };
    const message = `the gateway is to move ${way}, but ${former} was not seen; were it on, both would answer`;
    return {
      ...stays,
      refusals: [{ id, object, message, confirm: "old-home-off" }],
      notes: [say("stuck", "HomeUnreachable", message)],
    };
  }
  const moving = say("waiting", "Progressing", `the gateway moves ${way}`);
  if (move?.to !== to) return { ...stays, move: { to, withdrawn: false }, notes: [moving] };
  if (!move.withdrawn) {
    const stands = observed.some((one) => isNat(one) && one.hypervisor === to);
    const served = replicas.filter((one) => one.phase === "serving" && isBalanced(one, observed, former));
    // guard: never two homes
    const isReady = stands && served.every((one) => isBalanced(one, observed, to));
    return { ...stays, move: { ...move, withdrawn: isReady, ...cutBy(input) }, notes: [moving] };
  }
  const answers = observed.some((one) => one.hypervisor === former && isAnnouncing(one));
  // guard: never two homes
  if (answers) return { ...stays, move, notes: [moving] };
  const cut =
    move.cut === undefined ? "established connections were" : `${move.cut} established connections were`;
  return { ...stays, primary: to, news: [say("info", "HomeMoved", `the gateway moved ${way}; ${cut} cut`)] };
}

/** Connections through the old home that end with its answering. */
const cutBy = ({ connections }: Sighting): { readonly cut?: number } =>
  connections ? { cut: Object.values(connections).reduce((sum, one) => sum + one, 0) } : {};
