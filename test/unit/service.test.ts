import { describe, expect, test } from "@jest/globals";
import { hypervisor, pass, scenario, serving, subnet } from "./scenario.ts";

/** The balancer's table for so many replicas. */
function table(replicas: number): { chains: Record<string, string>; rules: string[] } {
  const on = scenario({
    subnets: [subnet("web", replicas, { service: serving() })],
    hypervisors: [hypervisor("hv1", "198.18.0.11", { replicas: 250 }), hypervisor("hv2", "198.18.0.12")],
  });
  pass(on);
  const nat = on.observed.find(({ kind }) => kind === "nat")?.state as {
    restore: { chains: Record<string, string>; rules: string[] };
  };
  return nat.restore;
}

/** iptables as far as it matters here: the statistic match in `nth` mode counts the packets that reach it. */
function deliver({ rules }: { rules: string[] }, requests: number): Map<string, number> {
  const counters = new Map<number, number>();
  const got = new Map<string, number>();
  const walk = (chain: string): boolean => {
    for (const [index, rule] of rules.entries()) {
      if (!rule.startsWith(`-A ${chain} `)) continue;
      const every = Number(/--every (\d+)/.exec(rule)?.[1] ?? 1);
      const count = counters.get(index) ?? 0;
      counters.set(index, count + 1);
      if (count % every !== 0) continue;
      const address = /--to-destination ([\d.]+)/.exec(rule)?.[1];
      if (address) return Boolean(got.set(address, (got.get(address) ?? 0) + 1));
      const next = / -j (\S+)$/.exec(rule)?.[1];
      if (next && walk(next)) return true;
    }
    return false;
  };
  for (let request = 0; request < requests; request++)
    if (!walk("web-tcp-80")) throw new Error("a request fell through");
  return got;
}

describe("the balancer", () => {
  test.each([1, 2, 3, 7, 50])("spreads requests over %d replicas evenly, in one chain", (replicas) => {
    const nat = table(replicas);
    expect(Object.keys(nat.chains).filter((chain) => chain.startsWith("web-"))).toEqual(["web-tcp-80"]);
    expect([...deliver(nat, replicas * 10).values()]).toEqual(Array(replicas).fill(10));
  });

  test.each([51, 100, 250])(
    "goes down two levels for %d replicas, 16 a leaf, and still reaches all of them",
    (replicas) => {
      const nat = table(replicas);
      const leaves = Object.keys(nat.chains).filter((chain) => chain.startsWith("web-tcp-80."));
      expect(leaves).toHaveLength(Math.ceil(replicas / 16));
      for (const leaf of leaves)
        expect(nat.rules.filter((rule) => rule.startsWith(`-A ${leaf} `)).length).toBeLessThanOrEqual(16);
      const got = [...deliver(nat, replicas * 20).values()];
      expect(got).toHaveLength(replicas);
      // Leaves differ by one replica at most, so shares differ by that much.
      expect(Math.min(...got) / Math.max(...got)).toBeGreaterThan(0.85);
    },
  );

  test("names of chains stay within iptables' 28 characters, and apart", () => {
    const long = ["a-very-long-name-of-a-subnet-one", "a-very-long-name-of-a-subnet-two"];
    const on = scenario({
      subnets: long.map((name, index) =>
        subnet(name, 1, {
          cidr: `10.1.${index}.0/24` as never,
          service: { ...serving(), ports: [{ port: 65000 + index, targetPort: "http", protocol: "TCP" }] },
        }),
      ),
    });
    pass(on);
    const nat = on.observed.find(({ kind }) => kind === "nat")?.state as {
      restore: { chains: Record<string, string> };
    };
    const own = Object.entries(nat.restore.chains)
      .filter(([, policy]) => policy === "-")
      .map(([chain]) => chain);
    expect(own).toHaveLength(2);
    for (const chain of own) expect(chain.length).toBeLessThanOrEqual(25);
  });
});
