import { type HypervisorName, replicaName, type TenantName } from "../api/names.ts";
import { type Band, policyOf, ratioOf } from "../autoscale/policy.ts";
import type { Sample } from "../autoscale/record.ts";
import { hypervisorLoad, meanOf, type Readings, replicaLoad } from "../load/samples.ts";
import type { Revision } from "../manifests/revision.ts";
import type { FleetMemory, ReplicaMemory } from "../replicas/memory.ts";

/** What something uses of what it may use. */
export interface Usage {
  readonly kind: "hypervisors" | "subnets" | "replicas";
  readonly tenant?: TenantName;
  readonly name: string;
  /** Where a replica stands. */
  readonly hypervisor?: HypervisorName;
  /** CPUs in use; not there when it is not known. */
  readonly used?: number;
  /** CPUs that it may use at once; not there when it is not known. */
  readonly limit?: number;
  /** `used` ÷ `limit`; of a subnet the mean over its replicas. */
  readonly load?: number;
  /** Why there is no load. */
  readonly missing?: string;
  /** Ratios that the load is compared with. */
  readonly thresholds?: Band;
  /** Of these there is a load, of a subnet; of a hypervisor, how many stand there. */
  readonly replicas?: string;
}

export interface UsageInput {
  readonly revision: Revision;
  readonly memory: FleetMemory;
  readonly earlier: Readings;
  readonly later: Readings;
  /** Only what is this tenant's; hypervisors are everybody's. */
  readonly tenant?: string | undefined;
}

/** Two readings so far apart, in seconds, still say something about now. */
const LONGEST = 30;

/** What everything uses between two readings, the most loaded of each kind first, what is not known last. Pure. */
export function usageOf(input: UsageInput): Usage[] {
  const { revision, memory, earlier, later } = input;
  const everyone = Object.values(memory.tenants).flatMap(({ replicas }) => replicas);
  const serving = everyone.filter(
    ({ phase, tenant }) => phase === "serving" && (input.tenant ?? tenant) === tenant,
  );
  const samples = new Map(serving.map((one) => [one, replicaLoad(one, earlier, later, LONGEST)]));
  const hypervisors = [...revision.hypervisors].map(([name, { spec }]): Usage => {
    const cpus = later.get(name)?.cpus;
    return {
      kind: "hypervisors",
      name,
      ...usedOf(hypervisorLoad(name, earlier, later, LONGEST), cpus),
      thresholds: { min: ratioOf(spec.load.min), max: ratioOf(spec.load.max) },
      replicas: String(everyone.filter(({ hypervisor }) => hypervisor === name).length),
    };
  });
  const replicas = [...samples].map(([replica, sample]): Usage => {
    const { tenant, subnet, ordinal, hypervisor, nanoCpus } = replica;
    const names = { tenant, name: replicaName(subnet, ordinal), hypervisor };
    return {
      kind: "replicas",
      ...names,
      ...usedOf(sample, nanoCpus / 1e9),
      ...thresholdsOf(replica, revision),
    };
  });
  return [...sorted(hypervisors), ...sorted(subnetsOf(samples, revision)), ...sorted(replicas)];
}

function subnetsOf(samples: ReadonlyMap<ReplicaMemory, Sample>, revision: Revision): Usage[] {
  const bySubnet = new Map<string, [ReplicaMemory, Sample][]>();
  for (const entry of samples) {
    const key = `${entry[0].tenant}/${entry[0].subnet}`;
    bySubnet.set(key, [...(bySubnet.get(key) ?? []), entry]);
  }
  return [...bySubnet.values()].flatMap((entries): Usage[] => {
    const [first] = entries;
    if (!first) return [];
    const [{ tenant, subnet }] = first;
    const used = entries.flatMap(([{ nanoCpus }, sample]) =>
      "ratio" in sample ? [(sample.ratio * nanoCpus) / 1e9] : [],
    );
    const load = meanOf(entries.map(([, sample]) => sample));
    return [
      {
        kind: "subnets",
        tenant,
        name: subnet,
        limit: sum(entries.map(([{ nanoCpus }]) => nanoCpus)) / 1e9,
        ...(load === undefined ? { missing: "none of its replicas has a load" } : { used: sum(used), load }),
        ...thresholdsOf(first[0], revision),
        replicas: `${used.length}/${entries.length}`,
      },
    ];
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const usedOf = (
  sample: Sample,
  limit: number | undefined,
): Pick<Usage, "used" | "limit" | "load" | "missing"> => ({
  ...(limit !== undefined && { limit }),
  ...("ratio" in sample
    ? { load: sample.ratio, ...(limit !== undefined && { used: sample.ratio * limit }) }
    : { missing: sample.missing }),
});

/** What a subnet's load is compared with; nothing where it does not follow its load. */
function thresholdsOf({ tenant, subnet }: ReplicaMemory, { tenants }: Revision): Pick<Usage, "thresholds"> {
  const manifests = tenants.get(tenant);
  const document = manifests?.subnets.get(subnet);
  const policy = document && manifests?.tenant && policyOf(document.spec, manifests.tenant.spec);
  return policy?.thresholds.cpu ? { thresholds: policy.thresholds.cpu } : {};
}

const sorted = (usages: readonly Usage[]): Usage[] =>
  usages.toSorted((a, b) => (b.load ?? -1) - (a.load ?? -1));
