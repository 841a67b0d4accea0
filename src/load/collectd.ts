import { collectdMetric, parseCollectdMetric } from "../api/collectd-metric.ts";
import type { FleetName, TenantName } from "../api/names.ts";
import { FIGURES_PORT } from "../desired/collector.ts";
import { collectorsDirectory } from "../facts/collectors.ts";

/** `collectd.percent-steal`: what a threshold on a figure of collectd's is called. */
export type CollectdMetric = `collectd.${string}`;

export const isCollectdMetric = (name: string): name is CollectdMetric =>
  parseCollectdMetric(name) !== undefined;

/** What a replica's collectd sent last of one metric. */
export interface Figure {
  /** In the metric's own unit; where several plugins or instances send the same metric, their mean. */
  readonly value: number;
  /** Seconds since it was measured, by the sender's clock against the hypervisor's; of several, the oldest. */
  readonly seconds: number;
}

/** By tenant, host and metric. */
export type Figures = ReadonlyMap<string, Figure>;

const keyOf = (tenant: string, host: string, metric: string): string => `${tenant}/${host}/${metric}`;

/** What the host of that name, in collectd's sense, sent of a metric. */
export const figureOf = (
  figures: Figures,
  tenant: TenantName,
  host: string,
  metric: CollectdMetric,
): Figure | undefined => figures.get(keyOf(tenant, host, metric));

/**
 * Prints what the fleet's collectors show, each line behind `collected TENANT`: what a tenant sends is never a line of its
 * own. All are asked at once, and each has a second and its share of the output, so that one tenant cannot take the others'.
 */
export const collectdScript = (fleet: FleetName): string => `
set --; for f in ${collectorsDirectory(fleet)}/*/pid; do [ ! -e "$f" ] || { f=\${f%/pid}; set -- "$@" "\${f##*/}"; }; done
[ $# = 0 ] || (
  d=$(mktemp -d /run/evenkeel-figures.XXXXXXXX) || exit
  trap 'rm -rf "$d"' EXIT
  for n; do
    nsenter --net="/run/netns/${fleet}.$n" curl -s -m 1 http://127.0.0.1:${FIGURES_PORT}/metrics 2>/dev/null | head -c 200000 > "$d/$n" &
  done
  wait
  for n; do
    echo "collected $n now $(date +%s%3N)"
    sed -n "s/^\\(# HELP \\)\\{0,1\\}collectd_/collected $n &/p" "$d/$n"
  done
)
`;

/** What {@link collectdScript} printed. Only gauges count: what only grows is no load. */
export function parseCollectd(output: string): Figures {
  const nows = new Map<string, number>();
  const types = new Map<string, string>();
  const all = new Map<string, Figure[]>();
  for (const line of output.split("\n")) {
    const [, tenant = "", rest = ""] = /^collected (\S+) (.*)$/.exec(line) ?? [];
    const [, now] = /^now (\d+)$/.exec(rest) ?? [];
    const [, helped = "", type] = HELP.exec(rest) ?? [];
    const [, family = "", labels = "", value, at] = SERIES.exec(rest) ?? [];
    if (now !== undefined) nows.set(tenant, Number(now));
    if (type !== undefined) types.set(`${tenant} ${helped}`, type);
    const own = types.get(`${tenant} ${family}`);
    const figure = { value: Number(value), seconds: ((nows.get(tenant) ?? Number.NaN) - Number(at)) / 1000 };
    // guard: missing sample
    if (own === undefined || !Number.isFinite(figure.value) || !Number.isFinite(figure.seconds)) continue;
    const { host, instance } = readLabels(labels);
    const key = keyOf(tenant, host, collectdMetric({ type: own, instance }));
    all.set(key, [...(all.get(key) ?? []), figure]);
  }
  return new Map([...all].map(([key, figures]) => [key, meanOf(figures)]));
}

/** The family's name alone does not tell where the plugin's ends and the type's begins. */
const HELP = /^# HELP (\w+) write_prometheus plugin: '.*' Type: '(\w+)', Dstype: 'gauge', Dsname: 'value'$/;
const SERIES = /^(\w+)\{(.*)\} (\S+) (\d+)$/;

/** `cpu="steal",instance="web-1"`, and where the plugin has instances `cpu="0",type="steal",instance="web-1"`. */
function readLabels(text: string): { readonly host: string; readonly instance: string } {
  const labels = new Map(
    [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = "", value = ""]) => [name, value]),
  );
  const host = labels.get("instance") ?? "";
  labels.delete("instance");
  return { host, instance: labels.get("type") ?? [...labels.values()][0] ?? "" };
}

const meanOf = (figures: readonly Figure[]): Figure => ({
  value: figures.reduce((sum, { value }) => sum + value, 0) / figures.length,
  seconds: Math.max(...figures.map(({ seconds }) => seconds)),
});
