import type { Ipv4 } from "../api/addresses.ts";
import { type FleetName, type TenantName, trusted } from "../api/names.ts";
import type { TableFact } from "../facts/facts.ts";
import { canonicalRule } from "../facts/rules.ts";
import { chainOf, UPLINK_PORTS } from "./marks.ts";
import type { Operation } from "./operation.ts";
import { kind } from "./resource.ts";
import { VXLAN_PORT } from "./vxlan.ts";

/**
 * What keeps strangers out of a tenant's segments: in the hypervisor's own tables, packets that carry one of our VXLAN
 * ids are dropped unless a peer sent them. All else returns, so nobody else's traffic is touched. Rules are added and
 * deleted one segment at a time, never the chain as a whole: other tenants' stand in it too.
 */
export interface GuardState {
  /** Rules by VXLAN id, in canonical form. */
  readonly segments: Readonly<Record<string, readonly string[]>>;
  /** The same as iptables prints them, to delete them by; only of an observed state. */
  readonly printed?: Readonly<Record<string, readonly string[]>>;
  /** The same as they are written; only of a desired state. */
  readonly written?: Readonly<Record<string, readonly string[]>>;
  /** Accept what is bridged to and from our uplink ports, where the hypervisor's FORWARD chain would drop it. */
  readonly bridgedUplink: boolean;
}

/** Desired rules: for each of a tenant's VXLAN ids its peers' underlay addresses. */
export function guardState(
  fleet: FleetName,
  tenant: TenantName,
  peers: ReadonlyMap<number, readonly Ipv4[]>,
  bridgedUplink: boolean,
): GuardState {
  const written = Object.fromEntries(
    [...peers].map(([id, from]) => [String(id), rulesFor(fleet, tenant, id, from)]),
  );
  const segments = Object.fromEntries(
    Object.entries(written).map(([id, rules]) => [id, rules.map(canonicalRule)]),
  );
  return { segments, written, bridgedUplink };
}

function rulesFor(fleet: FleetName, tenant: TenantName, id: number, peers: readonly Ipv4[]): string[] {
  // Past the IP header (its length is in the first octet), 8 octets of UDP and 4 of VXLAN, stand the id's 24 bits. Written
  // as iptables prints it.
  const carries = `-p udp -m udp --dport ${VXLAN_PORT} -m u32 --u32 "0x0>>0x16&0x3c@0xc>>0x8=0x${id.toString(16)}"`;
  const rule = `-A ${chainOf(fleet)}`;
  const mark = `-m comment --comment ${fleet}:${tenant}`;
  return [
    ...peers.map((peer) => `${rule} -s ${peer}/32 ${carries} ${mark} -j RETURN`),
    `${rule} ${carries} ${mark} -j DROP`,
  ];
}

const bridgedRules = (chain: string): string[] =>
  ["in", "out"].map(
    (way) => `-A ${chain} -m physdev --physdev-${way} ${UPLINK_PORTS} --physdev-is-bridged -j ACCEPT`,
  );

const remove = (rule: string): string => rule.replace(/^-A/, "-D");

export const guardChain = kind<GuardState>({
  name: "guard",

  *observe({ hypervisor, own }, fleet) {
    const chain = chainOf(fleet);
    const table = own.ipv4["filter"];
    if (table?.chains[chain] === undefined) return;
    const jumps = (hook: string): boolean => table.rules.includes(`-A ${hook} -j ${chain}`);
    const bridgedUplink =
      jumps("FORWARD") && bridgedRules(chain).every((rule) => table.rules.includes(canonicalRule(rule)));
    for (const [tenant, { segments, printed }] of byTenant(table, fleet)) {
      // Without its jump the chain does nothing: its rules are shown as not there, but can still be deleted.
      const state = { segments: jumps("INPUT") ? segments : {}, printed, bridgedUplink };
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
    const bridged = desired?.bridgedUplink === true && observed?.bridgedUplink !== true;
    if (stale.length + missing.length === 0 && !bridged) return undefined;
    const lines = [
      ...stale.flatMap((id) => (observed?.printed?.[id] ?? []).map(remove)),
      ...missing.flatMap((id) => desired?.written?.[id] ?? []),
    ];
    const rules: Operation = {
      phase: desired ? "guard" : "unguard",
      tool: "host-iptables",
      lines: ["*filter", ...lines, "COMMIT"],
    };
    const operations: Operation[] = desired
      ? [
          { phase: "guard", tool: "host-chain", lines: [chain, "INPUT"] },
          ...(bridged
            ? [
                {
                  phase: "guard",
                  tool: "host-chain",
                  lines: [chain, "FORWARD", ...bridgedRules(chain)],
                } as const,
              ]
            : []),
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

const ids = (list: readonly string[]): string => list.map((id) => `VXLAN ${id}`).join(", ");

function reasonFor(missing: readonly string[], gone: readonly string[]): string {
  if (missing.length > 0) return `strangers' packets are kept out of ${ids(missing)}`;
  return gone.length > 0 ? `${ids(gone)} gone` : "what is bridged to the uplink is let through";
}

interface Found {
  readonly segments: Record<string, string[]>;
  readonly printed: Record<string, string[]>;
}

function byTenant(table: TableFact, fleet: FleetName): Map<TenantName, Found> {
  const found = new Map<TenantName, Found>();
  table.rules.forEach((rule, index) => {
    const id = /@0xc>>0x8=0x([0-9a-f]+)/.exec(rule)?.[1];
    const owner = /--comment ([a-z0-9-]+):([a-z0-9-]+)/.exec(rule);
    if (id === undefined || owner?.[1] !== fleet || owner[2] === undefined) return;
    const tenant = trusted<TenantName>(owner[2]);
    const entry = found.get(tenant) ?? { segments: {}, printed: {} };
    found.set(tenant, entry);
    const decimal = String(Number.parseInt(id, 16));
    (entry.segments[decimal] ??= []).push(rule);
    (entry.printed[decimal] ??= []).push(table.printed?.[index] ?? rule);
  });
  return found;
}
