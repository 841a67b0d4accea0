import { type CollectdFigure, parseCollectdMetric } from "../api/collectd-metric.ts";
import type { SubnetName } from "../api/names.ts";
import { collectorsDirectory } from "../facts/collectors.ts";
import type { CollectorState } from "../resources/collector.ts";
import { linkNames } from "../resources/marks.ts";
import type { Resource } from "../resources/resource.ts";
import type { Part, Scope, Segment } from "./input.ts";

/** The port that collectd's network plugin has from IANA. */
const PORT = 25826;

/** Where what was heard is read, on the loopback of the tenant's namespace. */
export const FIGURES_PORT = 9103;

/** A subnet that goes by figures of collectd's, and by which. */
interface Follower {
  readonly name: SubnetName;
  readonly figures: readonly CollectdFigure[];
}

/** What hears the collectd of the tenant's replicas, where its gateway is; nothing where no subnet goes by that. */
export function collector(scope: Scope, part: Part): Resource<CollectorState>[] {
  const [subnets, management] = [followers(scope), managementOf(scope)];
  if (!part.isPrimary || subnets.length === 0 || !management) return [];
  const state: CollectorState = {
    configuration: configurationOf(scope, subnets, management),
    isRunning: true,
    isAstray: false,
  };
  return [{ hypervisor: part.name, tenant: scope.name, kind: "collector", name: scope.name, state }];
}

/** What the gateway lets through to it. */
export function heard(scope: Scope): string[] {
  const management = managementOf(scope);
  if (followers(scope).length === 0 || !management) return [];
  // guard: tenant boundary
  const own = `-d ${management.gateway}/32 -i ${linkNames.bridge(undefined)}`;
  return [`-A INPUT ${own} -p udp -m udp --dport ${PORT} -j ACCEPT`];
}

const managementOf = ({ segments }: Scope): Segment | undefined =>
  segments.find(({ subnet }) => subnet === undefined);

const followers = ({ subnets }: Scope): Follower[] =>
  subnets.flatMap(({ metadata: { name }, spec: { autoscale } }) => {
    const figures = Object.keys(autoscale?.thresholds ?? {}).flatMap(
      (metric) => parseCollectdMetric(metric) ?? [],
    );
    return figures.length > 0 ? [{ name, figures }] : [];
  });

/** Nothing in it is the hypervisor's own. What no subnet goes by is dropped before anything is kept of it. */
const configurationOf = (
  { fleet, name }: Scope,
  subnets: readonly Follower[],
  { gateway }: Segment,
): string[] => [
  'Hostname "evenkeel"',
  "FQDNLookup false",
  `BaseDir "${collectorsDirectory(fleet)}/${name}"`,
  'TypesDB "/usr/share/collectd/types.db"',
  "Interval 1",
  // A figure that was not sent for two of its sender's intervals is forgotten.
  "Timeout 2",
  "ReadThreads 1",
  "WriteThreads 1",
  "WriteQueueLimitHigh 10000",
  "LoadPlugin match_regex",
  "LoadPlugin network",
  "LoadPlugin write_prometheus",
  "<Plugin network>",
  `Listen "${gateway}" "${PORT}"`,
  "</Plugin>",
  "<Plugin write_prometheus>",
  'Host "127.0.0.1"',
  `Port "${FIGURES_PORT}"`,
  "</Plugin>",
  'PreCacheChain "wanted"',
  '<Chain "wanted">',
  ...subnets.flatMap(({ name: subnet, figures }) => figures.flatMap((figure) => wanted(subnet, figure))),
  'Target "stop"',
  "</Chain>",
];

const wanted = (subnet: SubnetName, { type, instance }: CollectdFigure): string[] => [
  "<Rule>",
  '<Match "regex">',
  `Host "^${subnet}-[0-9]+$"`,
  `Type "^${type}$"`,
  `TypeInstance "^${instance.replaceAll(".", "[.]")}$"`,
  "</Match>",
  'Target "return"',
  "</Rule>",
];
