import type { HypervisorName, SubnetName, TenantName } from "../api/names.ts";
import type { Observation } from "../facts/facts.ts";
import { shownWorkloads } from "../facts/visibility.ts";
import { probeAll } from "../hosts/health.ts";
import type { ProbeTarget } from "../hosts/probe.ts";
import type { Revision } from "../manifests/revision.ts";
import { counted, judge, type ProbeCounts, withVerdict } from "../replicas/health.ts";
import type { FleetMemory, ReplicaMemory } from "../replicas/memory.ts";
import { type Check, checkOf } from "../replicas/spec.ts";
import { containerName, linkNames, namespaceOf } from "../resources/marks.ts";
import type { Controller, Pass, World } from "./controller.ts";

/** What is used of a pass. */
export type HealthPass = Pick<Pass, "revision" | "now" | "signal" | "log" | "observation">;

/** What came of the probes that were due. */
export interface HealthResult {
  /** Tenants with a replica that fell ill or is well again, or a prober that is suspected or not any more. */
  readonly changed: ReadonlySet<TenantName>;
  /** When the next subnet is due, milliseconds since the epoch; undefined when none is to be probed. */
  readonly again: number | undefined;
}

/** A subnet whose replicas are probed, from its tenant's gateway. */
interface Ward {
  /** `t2/web`. */
  readonly key: string;
  readonly tenant: TenantName;
  readonly subnet: SubnetName;
  readonly home: HypervisorName;
  readonly check: Check;
  readonly replicas: readonly ReplicaMemory[];
}

/**
 * Probes into who is healthy, and nothing else: it asks all serving replicas that are due, and writes to the ledger whom it
 * found unhealthy, and who is well again. To be called at `again`; each subnet is probed at its own pace.
 */
export function healthController(world: World): Controller<void, HealthResult, HealthPass> {
  const { ledger, fleet, hosts } = world;
  /** Answers in a row; gone with the process, and counted anew. */
  let counts: ProbeCounts = new Map();
  let dues: ReadonlyMap<string, number> = new Map();

  return {
    name: "health",

    async reconcile(_, { revision, observation, signal, log, now: clock }) {
      const began = clock();
      const all = wardsOf(revision, ledger.state, observation);
      const due = all.filter(({ key }) => (dues.get(key) ?? began) <= began);
      const homes = new Set(due.map(({ home }) => home).filter((home) => observation.seen.has(home)));
      const rounds = [...homes].flatMap((home) => {
        const host = hosts.get(home);
        const targets = due.filter((ward) => ward.home === home).flatMap((ward) => targetsOf(ward, world));
        return host && targets.length > 0 ? [{ host, targets }] : [];
      });
      const { answers, failures } = await probeAll(rounds, signal);
      for (const [hypervisor, { message }] of failures) log.info({ hypervisor, message }, "not probed");

      const asked = all.flatMap(({ replicas }) => replicas.map(({ incarnation }) => incarnation));
      counts = new Map(asked.map((id) => [id, counted(counts.get(id), answers.get(id))]));
      const changed = new Set<TenantName>();
      for (const { tenant, subnet, replicas, check } of due) {
        const verdict = judge(replicas, counts, check, (one) => isRunning(one, observation, fleet));
        const told = (state: FleetMemory): FleetMemory =>
          withVerdict(state, { tenant, subnet }, verdict, began);
        if (told(ledger.state) === ledger.state) continue;
        await ledger.update(told);
        changed.add(tenant);
      }
      dues = new Map(
        all.map(({ key, check }) => {
          const before = dues.get(key);
          return [key, before !== undefined && before > began ? before : began + check.periodSeconds * 1000];
        }),
      );
      return { changed, again: dues.size > 0 ? Math.min(...dues.values()) : undefined };
    },
  };
}

/**
 * Subnets with a written check, and the others' replicas of which nothing else is known: their hypervisor was not seen, or
 * they failed while it was not. Not those of a tenant that is held, of whose documents none may be acted on.
 */
function wardsOf(revision: Revision, { tenants }: FleetMemory, { seen }: Observation): Ward[] {
  return [...revision.tenants.values()].flatMap(({ name: tenant, subnets, held }) => {
    const memory = tenants[tenant];
    const home = memory?.primary;
    if (held !== undefined || !memory || !home) return [];
    return [...subnets].flatMap(([subnet, document]): Ward[] => {
      const check = checkOf(document);
      const replicas = memory.replicas.filter(
        (one) =>
          one.subnet === subnet &&
          one.phase === "serving" &&
          (document.spec.healthCheck || !seen.has(one.hypervisor) || one.unhealthySince !== undefined),
      );
      if (!check || replicas.length === 0) return [];
      return [{ key: `${tenant}/${subnet}`, tenant, subnet, home, check, replicas }];
    });
  });
}

function targetsOf({ replicas, tenant, check }: Ward, { fleet }: World): ProbeTarget[] {
  const namespace = namespaceOf(fleet, tenant);
  return replicas.map(({ incarnation: id, address }) => ({ id, namespace, address, check }));
}

/** Whether the look shows a replica running, and its port linked. */
function isRunning(replica: ReplicaMemory, { seen }: Observation, fleet: World["fleet"]): boolean {
  const facts = seen.get(replica.hypervisor);
  const name = containerName(fleet, replica);
  const links = facts?.namespaces.get(namespaceOf(fleet, replica.tenant))?.links;
  const port = linkNames.port("w", replica.incarnation);
  return (
    facts !== undefined &&
    shownWorkloads(facts).get(name) === true &&
    links?.some((link) => link.name === port) === true
  );
}
