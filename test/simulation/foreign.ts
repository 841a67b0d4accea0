import { type Ipv4, type Mac } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import { loopback, type Machine, newLink } from "../../src/simulated/machine.ts";
import { emptySpace } from "../../src/simulated/parts.ts";

/** Somebody else's things on a hypervisor: another fleet's, Docker's own, and what only looks like ours. */

const MAC = trusted<Mac>("02:aa:00:00:00:01");
const FOREIGN = ["other.t1", "lab"];
const CONTAINERS = ["database", "copy"];

export function plantForeign(machine: Machine): void {
  const add = (name: string, type: string, more: object = {}): void =>
    void machine.own.links.push(newLink(machine, machine.own, { name, type, mac: MAC, ...more }));
  add("docker0", "bridge");
  // The first id that would be given out, held by a stranger.
  add("vxlan0", "vxlan", { vxlan: { id: 1001, local: trusted<Ipv4>("198.18.0.99"), port: 4789 } });
  plantRules(machine);
  for (const name of FOREIGN) {
    const space = emptySpace();
    loopback(machine, space);
    space.links.push(newLink(machine, space, { name: "br-web", type: "bridge", up: true, mac: MAC }));
    machine.spaces.set(name, space);
  }
  for (const name of CONTAINERS) {
    if (machine.containers.has(name)) continue;
    // Labels alone are no mark: an image may bring them along.
    const labels = {
      "dev.evenkeel.fleet": "campus",
      "dev.evenkeel.tenant": "t1",
      "dev.evenkeel.subnet": "web",
    };
    machine.containers.set(name, {
      id: name,
      request: {
        name,
        hostname: name,
        image: name,
        command: undefined,
        env: [],
        labels,
        resolver: trusted<Ipv4>("10.13.13.1"),
        searchDomains: ["web.t2.internal", "t2.internal"],
        nanoCpus: 0,
        memory: 0,
      },
      state: "exited",
      pid: 0,
      sandbox: `/var/run/docker/netns/${name}`,
      space: undefined,
      endsAt: undefined,
      cpu: machine.cpu,
    });
  }
}

/** Docker's own rules, and nothing else. */
export function plantRules({ own }: Machine): void {
  const rules = ["-A FORWARD -j DOCKER-USER", "-A DOCKER-USER -j RETURN"];
  const chains = { INPUT: "ACCEPT", FORWARD: "DROP", OUTPUT: "ACCEPT", "DOCKER-USER": "-" };
  own.ipv4 = { filter: { chains, rules, printed: rules } };
}

/** Somebody else's things as they stand, in a form that can be compared. */
export function foreignOn(machine: Machine): string {
  const { links, ipv4 } = machine.own;
  const filter = ipv4["filter"];
  return JSON.stringify({
    links: links
      .filter(({ group }) => group === "default")
      .map(({ name, type, mac, mtu, up }) => [name, type, mac, mtu, up]),
    rules: filter?.printed?.filter((rule) => !rule.includes("EVENKEEL")),
    chains: Object.entries(filter?.chains ?? {}).filter(([chain]) => !chain.startsWith("EVENKEEL")),
    spaces: FOREIGN.map((name) =>
      machine.spaces.get(name)?.links.map((link) => [link.name, link.type, link.up]),
    ),
    containers: CONTAINERS.map((name) => machine.containers.get(name)?.request.name),
  });
}

export const isForeign = (id: string): boolean => CONTAINERS.includes(id);
