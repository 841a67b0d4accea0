import type { Ipv4 } from "../api/addresses.ts";
import { type FleetName, type LinkName, type TenantName, trusted } from "../api/names.ts";
import type { TableFact } from "../facts/facts.ts";
import { canonicalRule } from "../facts/rules.ts";
import { chainOf } from "./marks.ts";
import type { Operation } from "./operation.ts";
import { kind } from "./resource.ts";
import { VXLAN_PORT } from "./vxlan.ts";

/**
 * What keeps strangers out of a tenant's segments: in the hypervisor's own tables, packets that carry one of our VXLAN
 * ids are dropped unless a peer sent them. All else returns, so nobody else's traffic is touched. Rules are added and
 * deleted one segment at a time, never the chain as a whole: other tenants' stand in it too.
 */
export interface GuardState {
  /** Rules by VXLAN id, and those of the uplink's bridge, in canonical form. */
  readonly segments: Readonly<Record<string, readonly string[]>>;
  /** The same as iptables prints them, to delete them by; only of an observed state. */
  readonly printed?: Readonly<Record<string, readonly string[]>>;
  /** The same as they are written; only of a desired state. */
  readonly written?: Readonly<Record<string, readonly string[]>>;
  /** Whether FORWARD jumps to the chain too; wanted where the tenant's uplink is a port of a bridge whose packets it drops. */
  readonly forwards: boolean;
}

/** Stands among the VXLAN ids for the rules that let pass what is bridged to and from the tenant's uplink. */
const UPLINK = "uplink";

/**
 * Desired rules: for each of a tenant's VXLAN ids its peers' underlay addresses, and for an uplink that is a port of a
 * bridge whose packets the hypervisor's FORWARD chain drops, that port.
 */
export function guardState(
  fleet: FleetName,
  tenant: TenantName,
  peers: ReadonlyMap<number, readonly Ipv4[]>,
  uplinkPort: LinkName | undefined,
): GuardState {
  const written = Object.fromEntries([
    ...[...peers].map(([id, from]) => [String(id), rulesFor(fleet, tenant, id, from)] as const),
    ...(uplinkPort ? [[UPLINK, bridgedRules(fleet, tenant, uplinkPort)] as const] : []),
  ]);
  const segments = Object.fromEntries(
    Object.entries(written).map(([id, own]) => [id, own.map(canonicalRule)]),
  );
  return { segments, written, forwards: uplinkPort !== undefined };
}

const markOf = (fleet: FleetName, tenant: TenantName): string => `-m comment --comment ${fleet}:${tenant}`;

function rulesFor(fleet: FleetName, tenant: TenantName, id: number, peers: readonly Ipv4[]): string[] {
  // Past the IP header (its length is in the first octet), 8 octets of UDP and 4 of VXLAN, stand the id's 24 bits. Written
  // as iptables prints it.
  const carries = `-p udp -m udp --dport ${VXLAN_PORT} -m u32 --u32 "0x0>>0x16&0x3c@0xc>>0x8=0x${id.toString(16)}"`;
  const rule = `-A ${chainOf(fleet)}`;
  const mark = markOf(fleet, tenant);
  return [
    ...peers.map((peer) => `${rule} -s ${peer}/32 ${carries} ${mark} -j RETURN`),
    // guard: tenant boundary
    `${rule} ${carries} ${mark} -j DROP`,
  ];
}

const bridgedRules = (fleet: FleetName, tenant: TenantName, port: LinkName): string[] =>
  ["in", "out"].map(
    (way) =>
      `-A ${chainOf(fleet)} -m physdev --physdev-${way} ${port} --physdev-is-bridged ${markOf(fleet, tenant)} -j ACCEPT`,
  );

const remove = (rule: string): string => rule.replace(/^-A/, "-D");

export const guardChain = kind<GuardState>({
  name: "guard",

  *observe({ hypervisor, own }, fleet) {
    const chain = chainOf(fleet);
    const table = own.ipv4["filter"];
    if (table?.chains[chain] === undefined) return;
    const jumps = (hook: string): boolean => table.rules.includes(`-A ${hook} -j ${chain}`);
    for (const [tenant, { segments, printed }] of byTenant(table, fleet)) {
      // Without its jump the chain does nothing: its rules are shown as not there, but can still be deleted.
      const state = { segments: jumps("INPUT") ? segments : {}, printed, forwards: jumps("FORWARD") };
      yield { kind: "guard", hypervisor, tenant, name: chain, state };
    }
  },

  change({ desired, observed, fleet }) {
    const chain = chainOf(fleet);
    const wanted = desired?.segments ?? {};
    const present = observed?.segments ?? {};
    const differs = (id: string): boolean => wanted[id]?.join("\n") !== present[id]?.join("\n");
    const missing = Object.keys(wanted).filter(differs);
    const stale = Object.keys(observed?.printed ?? present).filter(differs);
    const forward = desired?.forwards === true && observed?.forwards !== true;
    if (stale.length + missing.length === 0 && !forward) return undefined;
    const lines = [
      ...stale.flatMap((id) => (observed?.printed?.[id] ?? []).map(remove)),
      ...missing.flatMap((id) => desired?.written?.[id] ?? []),
    ];
    const rules: Operation = {
      // guard: filter before enslave
      phase: desired ? "guard" : "unguard",
      tool: "host-iptables",
      lines: ["*filter", ...lines, "COMMIT"],
    };
    const operations: Operation[] = desired
      ? [
          { phase: "guard", tool: "host-chain", lines: [chain, "INPUT"] },
          ...(forward ? [{ phase: "guard", tool: "host-chain", lines: [chain, "FORWARD"] } as const] : []),
          ...(lines.length > 0 ? [rules] : []),
        ]
      : [rules, { phase: "unguard", tool: "host-chain-remove", lines: [chain] }];
    return {
      verb: desired ? (observed ? "change" : "add") : "remove",
      reason: reasonFor(
        missing,
        stale.filter((id) => wanted[id] === undefined),
      ),
      disruption: "none",
      operations,
    };
  },
});

const ids = (list: readonly string[]): string =>
  list.map((id) => (id === UPLINK ? "the uplink's port" : `VXLAN ${id}`)).join(", ");

function reasonFor(missing: readonly string[], gone: readonly string[]): string {
  const segments = missing.filter((id) => id !== UPLINK);
  if (segments.length > 0) return `strangers' packets are kept out of ${ids(segments)}`;
  return gone.length > 0 ? `${ids(gone)} gone` : "what is bridged to the uplink is let through";
}

interface Found {
  readonly segments: Record<string, string[]>;
  readonly printed: Record<string, string[]>;
}

function byTenant(table: TableFact, fleet: FleetName): Map<TenantName, Found> {
  const found = new Map<TenantName, Found>();
  table.rules.forEach((rule, index) => {
    const hex = /@0xc>>0x8=0x([0-9a-f]+)/.exec(rule)?.[1];
    const bridged = rule.includes("--physdev-is-bridged");
    const id = hex === undefined ? (bridged ? UPLINK : undefined) : String(Number.parseInt(hex, 16));
    const owner = /--comment ([a-z0-9-]+):([a-z0-9-]+)/.exec(rule);
    // guard: owner's mark
    if (id === undefined || owner?.[1] !== fleet || owner[2] === undefined) return;
    const tenant = trusted<TenantName>(owner[2]);
    const entry = found.get(tenant) ?? { segments: {}, printed: {} };
    found.set(tenant, entry);
    (entry.segments[id] ??= []).push(rule);
    (entry.printed[id] ??= []).push(table.printed?.[index] ?? rule);
  });
  return found;
}
