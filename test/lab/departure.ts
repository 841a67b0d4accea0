import type { ScriptOperation } from "../../src/resources/operation.ts";
import type { Connection } from "../../src/simulated/clients.ts";
import type { Replicas, Story } from "../unit/stories.ts";
import { type Background, eventually, type Lab } from "./lab.ts";
import type { Twins } from "./twins.ts";
import { InLab, InMemory, OF_DOCKER } from "./workloads.ts";

/** What clients see after a step: who answers new connections, and with whom old ones live. Readable names, sorted. */
export interface Seen {
  readonly answer: readonly string[];
  readonly held: readonly string[];
}

/** What is done, and what clients of both twins see after it. */
export interface Step {
  readonly step: string;
  readonly simulated: Seen;
  readonly real: Seen;
}

/** Connections that are opened to see who answers. */
const ASKED = 8;
/** Long enough for all steps. */
const HOUR = 3_600_000;

/**
 * Two replicas, of which each has a connection that goes on. The second leaves the balancer, its client ends, it is told to
 * end and is removed; and then the first is removed while its connection lives.
 */
export async function depart(
  lab: Lab,
  twins: Twins,
  { requests, network, all, left }: Replicas & { readonly all: Story; readonly left: Story },
  address: string,
): Promise<Step[]> {
  const [simulated, real] = [new InMemory(twins), new InLab(twins)];
  const both = async (...operations: readonly ScriptOperation[]): Promise<void> => {
    for (const side of [simulated, real]) for (const operation of operations) side.run(0, operation);
    await real.flush();
  };
  const clients = [new SimulatedClients(simulated, address), new RealClients(lab, address)] as const;
  const steps: Step[] = [];
  const look = async (step: string): Promise<void> => {
    const expected = await clients[0].seen();
    const seen = await clients[1].seen(expected);
    steps.push({ step, simulated: expected, real: seen });
  };
  const [stays, goes] = requests;
  if (!stays || !goes) throw new Error("two replicas were expected");
  const of = ({ name: sandboxOf }: typeof goes, kind: keyof typeof OF_DOCKER) => ({
    ...OF_DOCKER[kind],
    sandboxOf,
  });

  await both(...network);
  for (const request of requests) for (const side of [simulated, real]) await side.start(0, request);
  await both(...all.slice(network.length));
  await look("all are balanced");
  for (const one of clients) await one.holdEach(requests.length);
  await look("each has a connection");
  await both(...left);
  await look("one has left the balancer");
  for (const one of clients) await one.release(goes.hostname);
  await look("its client has ended");
  await both(of(goes, "signal"));
  await look("it was told to end");
  await both(of(goes, "remove"));
  await look("it was removed");
  await both(of(stays, "remove"));
  await look("the other was removed under its client");
  await real.look(); // leaves nothing
  return steps;
}

const sorted = (names: Iterable<string>): string[] => [...new Set(names)].toSorted();

class SimulatedClients {
  readonly #clients: InMemory["clients"];
  readonly #address: string;
  readonly #held: Connection[] = [];

  constructor({ clients }: InMemory, address: string) {
    this.#clients = clients;
    this.#address = `${address}:80`;
  }

  async seen(): Promise<Seen> {
    this.#clients.settle();
    const live = this.#held.filter((one) => this.#clients.connections.includes(one));
    const answers = Array.from({ length: ASKED }, () => this.#clients.connect(this.#address, 0));
    return {
      answer: sorted(
        answers.flatMap((one) => (one.state === "open" ? one.connection.workload.request.hostname : [])),
      ),
      held: sorted(live.map(({ workload }) => workload.request.hostname)),
    };
  }

  async holdEach(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const answer = this.#clients.connect(this.#address, HOUR);
      if (answer.state === "open") this.#held.push(answer.connection);
    }
  }

  async release(hostname: string): Promise<void> {
    const goes = this.#held.find(({ workload }) => workload.request.hostname === hostname);
    this.#clients.connections = this.#clients.connections.filter((one) => one !== goes);
  }
}

class RealClients {
  readonly #lab: Lab;
  readonly #url: string;
  readonly #held = new Map<string, Background>();
  readonly #ended = new Set<string>();

  constructor(lab: Lab, address: string) {
    this.#lab = lab;
    this.#url = `http://${address}`;
  }

  /** @param expected what is waited for, for a while: an end takes its time to arrive */
  async seen(expected: Seen): Promise<Seen> {
    let seen: Seen = { answer: [], held: [] };
    const isThere = async (): Promise<boolean> => {
      const answers = await this.#lab.requests("client", `${this.#url}/`, ASKED, 1);
      seen = {
        answer: sorted(answers.flatMap(({ hostname }) => hostname ?? [])),
        held: sorted(await this.#live()),
      };
      return JSON.stringify(seen) === JSON.stringify(expected);
    };
    await eventually("what the other one shows", isThere, 15).catch(() => undefined);
    return seen;
  }

  async holdEach(count: number): Promise<void> {
    await eventually("each has one", async () => {
      const slow = `${this.#url}/bytes?n=100000000&rate=100000`;
      const download = this.#lab.begin("client", ["curl", "-sNi", "-m", "300", slow]);
      await download.says(/X-Hostname: \S+/);
      const [, hostname = ""] = /X-Hostname: (\S+)/.exec(download.stdout) ?? [];
      if (this.#held.has(hostname)) await download.stop();
      else {
        this.#held.set(hostname, download);
        void download.ended.then(() => this.#ended.add(hostname));
      }
      return this.#held.size === count;
    });
  }

  async release(hostname: string): Promise<void> {
    await this.#held.get(hostname)?.stop();
  }

  /** Those with whom a connection is open that goes on to bring something. */
  async #live(): Promise<string[]> {
    const open = [...this.#held].filter(([hostname]) => !this.#ended.has(hostname));
    const lengths = open.map(([, { stdout }]) => stdout.length);
    const grown = (index: number): boolean => (open[index]?.[1].stdout.length ?? 0) > (lengths[index] ?? 0);
    await eventually("all bring more", () => open.every((_, index) => grown(index)), 2).catch(
      () => undefined,
    );
    return open.flatMap(([hostname], index) =>
      grown(index) && !this.#ended.has(hostname) ? [hostname] : [],
    );
  }
}
