import { connect } from "node:net";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { InterfaceAddress, Ipv4 } from "../../src/api/addresses.ts";
import type { ContainerSummary, HostFacts } from "../../src/facts/facts.ts";
import { parseLook } from "../../src/facts/parse.ts";
import { lookScript } from "../../src/facts/script.ts";
import { DockerEngine } from "../../src/hosts/docker.ts";
import { SocketAgent } from "../../src/hosts/socket-agent.ts";
import type { ListingEngine } from "../../src/hosts/shell.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { groupOf } from "../../src/resources/marks.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import { Clients } from "../../src/simulated/clients.ts";
import { Fabric } from "../../src/simulated/fabric.ts";
import { lookAt } from "../../src/simulated/look.ts";
import { Machine, newLink } from "../../src/simulated/machine.ts";
import { runBlock } from "../../src/simulated/programs.ts";
import { addBox, boxesFor } from "../unit/boxes.ts";
import { FLEET } from "../unit/scenario.ts";
import { macsIn, type Standing, standing } from "./comparable.ts";
import type { Hv, Lab, Ran } from "./lab.ts";
import type { Sequence } from "./sequences.ts";
import { EXCHANGE } from "../unit/stories.ts";

/** What came of a sequence: which operations were refused, by number, and what stands. */
export interface Outcome {
  readonly refused: readonly number[];
  readonly standing: Standing;
}

const NONCE = "n0nce";
const LOOK = {
  fleet: FLEET,
  draining: [],
  freeFence: false,
  ledger: "",
  lookSeconds: 30,
  signal: new AbortController().signal,
  nonce: () => NONCE,
};

/** The look of a script of the lab. */
export const LOOKING = `( ${lookScript({ ...LOOK, nonce: NONCE })}\n)`;

/** A real hypervisor of the lab and one in memory alone that are given the same to do. */
export class Twins {
  readonly hv: Hv;
  /** Docker of the real one. */
  readonly engine: ListingEngine;
  readonly #lab: Lab;
  readonly #before: HostFacts;

  private constructor(lab: Lab, hv: Hv, before: HostFacts) {
    this.hv = hv;
    this.#lab = lab;
    this.#before = before;
    const socket = `/proc/${lab.hypervisor(hv).pid}/root/run/docker.sock`;
    const agent = new SocketAgent(async () => connect(socket), { keepAlive: false });
    this.engine = new DockerEngine(before.hypervisor, async () => agent, "");
  }

  static async of(lab: Lab, hv: Hv): Promise<Twins> {
    await lab.sh(
      hv,
      `ip link add ${EXCHANGE} type bridge 2>/dev/null || :; ip link set ${EXCHANGE} up; iptables-save > /run/before`,
    );
    const output = await lab.sh(hv, LOOKING);
    return new Twins(lab, hv, parse(hv, output));
  }

  /** What a sequence comes to on the real one, which is as before afterwards. */
  async real({ foundation, operations }: Sequence): Promise<Outcome> {
    const all = [...foundation, ...operations];
    const sandboxes = boxesFor(all);
    const script = `${PROGRAMS}${HARNESS}
e=$(mktemp)
${[...sandboxes.values()].map((path) => `ip netns add ${path.slice("/run/netns/".length)}`).join("\n")}
( set -e
${renderSections(foundation, sandboxes)}) >/dev/null 2>"$e"; [ $? = 0 ] || { echo "#!foundation"; cat "$e"; }
${operations.map((one, index) => single(one, index, sandboxes)).join("")}
${LOOKING}
clean`;
    const { stdout, stderr } = await this.exec(script);
    if (stdout.includes("#!foundation") || stderr !== "") throw new Error(`${stderr}${stdout.slice(0, 500)}`);
    return { refused: refusedIn(stdout), standing: standing(parse(this.hv, stdout), macsIn(all)) };
  }

  /** Runs a script on the real one. */
  exec(script: string): Promise<Ran> {
    return this.#lab.try(this.hv, ["sh", "-s"], script);
  }

  /** What it comes to on the other. */
  simulated({ foundation, operations }: Sequence): Outcome {
    const sandboxes = boxesFor([...foundation, ...operations]);
    const machine = this.machine();
    for (const [name, sandbox] of sandboxes) addBox(machine, name, sandbox);
    const run = (some: readonly ScriptOperation[]) =>
      runBlock(machine, { tenant: "", operations: some, sandboxes }, { lines: Number.POSITIVE_INFINITY });
    const begun = run(foundation);
    if (!begun.ok) throw new Error(`refused of a plan: ${begun.message}`);
    const refused = operations.flatMap((one, index) => (run([one]).ok ? [] : [index]));
    return { refused, standing: standing(shown(machine), macsIn([...foundation, ...operations])) };
  }

  /** The other one as it begins. */
  machine(now = () => 0): Machine {
    const { own, hypervisor: name } = this.#before;
    const addressOn = (device: string): string =>
      own.links.find((one) => one.name === device)?.addresses[0] ?? "";
    const machine = new Machine({
      name,
      underlay: { address: trusted<Ipv4>(addressOn("eth0").split("/")[0] ?? ""), device: "eth0", mtu: 1500 },
      uplink: { address: trusted<InterfaceAddress>(addressOn("edge")), device: "edge" },
      cpus: 2,
      now,
    });
    machine.own.links.push(newLink(machine, machine.own, { name: EXCHANGE, type: "bridge", up: true }));
    machine.own.ipv4 = { ...own.ipv4 };
    return machine;
  }
}

/** What a look at the one in memory shows. */
export const shown = (machine: Machine): HostFacts =>
  lookAt(machine, new Clients(new Fabric([machine]), () => 0), LOOK);

export const parse = (hv: Hv, output: string, containers: readonly ContainerSummary[] = []): HostFacts =>
  parseLook(trusted<HypervisorName>(hv), output, {
    nonce: NONCE,
    containers,
    fleet: "campus" as never,
    ours: () => true,
  });

/** The numbers of what a script was refused. */
export const refusedIn = (output: string): number[] =>
  [...output.matchAll(/^#!(-?\d+)$/gm)].map(([, index]) => Number(index));

/** One operation by itself. A namespace is gone a moment after its name: what was in it is waited for. */
function single(operation: ScriptOperation, index: number, sandboxes: ReadonlyMap<string, string>): string {
  const names = operation.tool === "netns-remove" ? operation.lines : [];
  return `${names.map((name) => `before z${name} ${name}\n`).join("")}( set -e
${renderSections([operation], sandboxes)}) >/dev/null 2>&1; [ $? = 0 ] || echo "#!${index}"
${names.map((name) => `after ${name}\n`).join("")}`;
}

/** One end of a pair is put into a namespace that is to go: when the other end has gone, so has all else in it. */
export const HARNESS = `
before() { ip link add "$1" type veth peer name "$1" netns "$2" 2>/dev/null || :; }
gone() { i=0; while [ -e "/sys/class/net/$1" ] && [ $((i += 1)) -lt 2500 ]; do sleep 0.002; done; }
after() { [ ! -e "/run/netns/$1" ] || ip link del "z$1" 2>/dev/null; gone "z$1"; }
clean() { for f in /run/evenkeel/*/*/ /run/evenkeel-collectors/*/*/; do f=\${f%/}; [ ! -d "$f" ] || { gateway_end "$f"; rm -r "$f"; }; done; set --; for f in /run/netns/*; do [ -e "$f" ] || continue; n=\${f##*/}; set -- "$@" "$n"; done
  i=0; for n; do echo "link add z$((i += 1)) type veth peer name z netns $n"; done | ip -batch -
  for n; do echo "netns del $n"; done | ip -batch -
  gone "z$#"
  ip link del group ${groupOf(FLEET)} 2>/dev/null
  { printf '*filter\\nCOMMIT\\n'; cat /run/before; } | iptables-restore; }
`;
