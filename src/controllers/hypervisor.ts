import { macOf } from "../api/addresses.ts";
import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName, TenantName } from "../api/names.ts";
import type { HostFacts, Observation } from "../facts/facts.ts";
import { containerName, namespaceOf } from "../resources/marks.ts";
import { markedDomains } from "../resources/taps.ts";
import type { Drains, RoundTrips } from "../hosts/round-trips.ts";
import type { Revision } from "../manifests/revision.ts";
import { EMPTY_TENANT, type FleetMemory, isAtRest } from "../replicas/memory.ts";
import type { World } from "./controller.ts";
import { sees, shownWorkloads, silentRuntime, visibilityOf } from "../facts/visibility.ts";

/** A holder that has not been heard of for this long is taken to be gone. */
const FENCE_LIVES_SECONDS = 90;
/** How often fences are taken before it is said that somebody else takes them as well. */
const TURNS = 3;

/**
 * Looks at every hypervisor, and finds out whether this controller may act there. Hypervisors that do not answer, or lack
 * something, come back as unseen: nothing is concluded from what they did not show.
 * @throws EvenkeelError EK-HOST-HELD when another controller is at work
 */
export async function lookAtAll(
  world: World,
  revision: Revision,
  trips: RoundTrips,
  options: { dryRun: boolean; signal: AbortSignal; nonce: () => string },
): Promise<Observation> {
  const names = [...revision.hypervisors.keys()];
  // The first contact tries things out in a namespace of its own, which a dry pass may not.
  // guard: dry is dry
  const unfit = options.dryRun
    ? new Map<HypervisorName, Error>()
    : await meet(world, revision, names, options.signal);
  const look = (): Promise<Observation> =>
    trips.look(
      // guard: looked over before it is used
      names.filter((name) => !unfit.has(name)),
      drainsOf(world.ledger.state),
    );
  let { seen, unseen } = await look();
  // Whoever has hold may have changed one hypervisor since another one was looked at: first the fences, then the truth.
  for (let turn = 1; !options.dryRun && (await takeHold(world, seen, options.nonce)); turn++) {
    if (turn > TURNS)
      throw new EvenkeelError("EK-HOST-HELD", "another controller takes over what this one takes over", {
        fix: "end one of the two",
      });
    // guard: what is decided from an old look does nothing
    await trips.takeFences([...seen.keys()]);
    ({ seen, unseen } = await look());
  }
  const doubtful = [...new Set([...emptied(seen, world.ledger.state), ...unplugged(seen, world.fleet)])];
  // guard: look before destroying
  if (doubtful.length > 0) {
    const again = await trips.look(doubtful, drainsOf(world.ledger.state));
    const others = [...seen].filter(([name]) => !doubtful.includes(name));
    seen = new Map([...others, ...again.seen]);
    unseen = new Map([...unseen, ...again.unseen]);
  }
  const known = world.ledger.state.seen;
  // Without the list of each runtime nobody knows which replicas stand there.
  const met = [...seen].flatMap(([name, facts]) =>
    // guard: ledger incomplete
    silentRuntime(facts) === undefined && !known.includes(name) ? [name] : [],
  );
  if (met.length > 0) await world.ledger.update((state) => ({ ...state, seen: [...state.seen, ...met] }));
  const failed = [...unfit].map(([hypervisor, error]) => [hypervisor, { hypervisor, error }] as const);
  return { seen, unseen: new Map([...unseen, ...failed]) };
}

/** Checks a hypervisor before it is used for the first time; what it lacks is said once, with what to do about it. */
async function meet(
  { ledger, hosts, reach }: World,
  revision: Revision,
  names: readonly HypervisorName[],
  signal: AbortSignal,
): Promise<Map<HypervisorName, Error>> {
  const unfit = new Map<HypervisorName, Error>();
  await Promise.all(
    names
      .filter((name) => !ledger.state.seen.includes(name) && !reach.silence(name))
      .map(async (name) => {
        const host = hosts.get(name);
        const spec = revision.hypervisors.get(name)?.spec;
        if (!host || !spec) return;
        try {
          const findings = await host.contact({ ...spec, domainType: spec.libvirt.domainType }, signal);
          const failed = findings.filter(({ state }) => state === "failed");
          if (failed.length === 0) return;
          const message = failed.map(({ check, message: what }) => `${check}: ${what}`).join("; ");
          const fix = failed.flatMap((finding) => finding.fix ?? []).join("; ");
          unfit.set(name, new EvenkeelError("EK-HOST-UNFIT", `${name} lacks ${message}`, { fix }));
        } catch (error) {
          if (!(error instanceof EvenkeelError)) throw error;
          reach.failed(name, error);
          unfit.set(name, error);
        }
      }),
  );
  return unfit;
}

/** Hypervisors that show none of the replicas that stood there by one runtime: that is believed when it is seen twice. */
function emptied(seen: Observation["seen"], { fleet, tenants }: FleetMemory): HypervisorName[] {
  const visible = visibilityOf(seen);
  const shown = new Map([...seen].map(([hypervisor, facts]) => [hypervisor, shownWorkloads(facts)] as const));
  const missed = new Map<string, HypervisorName>();
  const standing = new Set<string>();
  for (const { replicas } of Object.values(tenants))
    for (const replica of replicas) {
      const { hypervisor, phase, runtime } = replica;
      const key = `${hypervisor} ${runtime}`;
      const isMeant = replica.seen && phase !== "stopping" && phase !== "leaving";
      if (!isMeant || standing.has(key) || !sees(visible, replica)) continue;
      if (shown.get(hypervisor)?.has(containerName(fleet, replica))) standing.add(key);
      else missed.set(key, hypervisor);
    }
  return [...new Set([...missed].flatMap(([key, hypervisor]) => (standing.has(key) ? [] : [hypervisor])))];
}

/** Hypervisors with a machine that has lost a tap: before it is started again for that, it is looked for once more. */
const unplugged = (seen: Observation["seen"], fleet: FleetMemory["fleet"]): HypervisorName[] =>
  [...seen].flatMap(([name, facts]) =>
    markedDomains(facts, fleet).some((one) => one.unplugged) ? [name] : [],
  );

/** Replicas that wait for their last connections; of one tenant, or of all. */
export function drainsOf({ fleet, tenants }: FleetMemory, only?: TenantName): Drains {
  const meant = only === undefined ? Object.values(tenants) : [tenants[only] ?? EMPTY_TENANT];
  const draining = meant
    .flatMap(({ replicas }) => replicas)
    .filter(({ phase }) => phase === "draining" || phase === "stopping");
  return {
    namespaces: [...new Set(draining.map(({ tenant }) => namespaceOf(fleet, tenant)))],
    macs: draining.map(({ address }) => macOf(address)),
  };
}

/**
 * Compares the fences with our own claim: a live one of somebody else refuses, a free or forgotten one is to be taken over.
 * @returns whether there is such a one
 */
async function takeHold(
  world: World,
  seen: ReadonlyMap<HypervisorName, HostFacts>,
  nonce: () => string,
): Promise<boolean> {
  const { ledger, takeOver, stays, claim } = world;
  const id = ledger.state.id || nonce();
  const others = [...seen].flatMap(([hypervisor, { fence }]) =>
    fence && fence.ledger !== id ? [{ hypervisor, ...fence }] : [],
  );
  const live = others.find(({ state, ageSeconds }) => state === "held" && ageSeconds < FENCE_LIVES_SECONDS);
  // guard: one controller
  if (live && !takeOver)
    throw new EvenkeelError(
      "EK-HOST-HELD",
      `${live.hypervisor} is held by ${live.holder}, which works on ${live.manifests}`,
      { fix: `wait until it ends, or ${FENCE_LIVES_SECONDS} s after it died, or add --take-over` },
    );
  const elsewhere = others.find(({ state, manifests }) => state === "held" && manifests !== claim.manifests);
  // guard: one controller
  if (elsewhere && stays && !takeOver)
    throw new EvenkeelError(
      "EK-HOST-HELD",
      `${elsewhere.hypervisor} was held last by ${elsewhere.holder}, which kept ${elsewhere.manifests} in force, not ${claim.manifests}`,
      { fix: "run on that directory, or add --take-over if this one is to be in force" },
    );
  const fences = [...seen.values()].flatMap(({ fence }) => (fence ? [fence.epoch] : []));
  const newest = Math.max(ledger.state.epoch, ...fences);
  const isNewest = world.claim.epoch >= newest && others.every(({ epoch }) => epoch < world.claim.epoch);
  if (world.claim.ledger !== id || !isNewest) {
    world.claim = { ...world.claim, ledger: id, epoch: newest + 1 };
    await ledger.update((state) => ({ ...state, id, epoch: newest + 1 }));
  }
  // What another controller has done where nothing is seen now is not known.
  if (others.length > 0)
    // guard: ledger incomplete
    await ledger.update((state) => ({ ...state, seen: state.seen.filter((name) => seen.has(name)) }));
  return others.length > 0;
}

/**
 * Marks our fences free, where the last look has not done so: replicas were still on their way when the time was over. What
 * cannot be reached keeps its fence, which is taken for abandoned after a while.
 */
export async function letGo(
  world: World,
  revision: Revision,
  signal: AbortSignal,
  nonce: () => string,
): Promise<void> {
  const { fleet, hosts, claim, ledger, stays, reach } = world;
  if (claim.ledger === "" || (!stays && isAtRest(ledger.state))) return;
  const options = {
    fleet,
    draining: [],
    freeFence: true,
    ledger: claim.ledger,
    lookSeconds: 10,
    signal,
    nonce,
  };
  const seen = [...revision.hypervisors.keys()].flatMap((name) =>
    reach.silence(name) ? [] : (hosts.get(name) ?? []),
  );
  await Promise.allSettled(seen.map((host) => host.look(options)));
}
