import { EvenkeelError } from "../../src/api/errors.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { PROGRAMS, renderSections } from "../../src/hosts/render.ts";
import { type ContainerRequest, SANDBOX, type ScriptOperation } from "../../src/resources/operation.ts";
import { Clients } from "../../src/simulated/clients.ts";
import { settle, startContainer } from "../../src/simulated/docker.ts";
import { Fabric } from "../../src/simulated/fabric.ts";
import type { Machine } from "../../src/simulated/machine.ts";
import { runBlock } from "../../src/simulated/programs.ts";
import type { Replicas } from "../unit/stories.ts";
import { macsIn, standing } from "./comparable.ts";
import type { Act } from "./lives.ts";
import { HARNESS, LOOKING, type Outcome, parse, refusedIn, shown, type Twins } from "./twins.ts";

/** A hypervisor to which the acts of a life are done, by number; it keeps the numbers of those that it refused. */
export interface Side {
  readonly refused: number[];
  start(act: number, request: ContainerRequest): Promise<void>;
  /** Freezes a container, as somebody does by hand. */
  pause(act: number, name: string): void;
  /** @param ended a container that has no processes after that, whose links are waited for to go */
  run(act: number, operation: ScriptOperation, ended?: string): void;
  look(): Promise<HostFacts>;
}

/** Stands in a line for the id of a container. */
const ID = "@ID@";

/** What plans say to one that runs already. */
export const OF_DOCKER = {
  unpause: { phase: "start", tool: "unpause", lines: [ID] },
  signal: { phase: "stop", tool: "signal", lines: [`SIGTERM ${ID}`] },
  remove: { phase: "stop", tool: "remove-container", lines: [ID] },
} as const;

/** An id that no container has. */
const NOBODY = "0".repeat(64);

/** Lets both twins go through a life. The real one is as before afterwards. */
export async function live(
  twins: Twins,
  { network, requests }: Replicas,
  acts: readonly Act[],
): Promise<{ readonly simulated: Outcome; readonly real: Outcome }> {
  const [simulated, real] = [new InMemory(twins), new InLab(twins)];
  const sides: readonly Side[] = [simulated, real];
  for (const operation of network) for (const side of sides) side.run(-1, operation);
  for (const [index, act] of acts.entries()) {
    if (act.kind === "operation") {
      for (const side of sides) side.run(index, act.operation);
      continue;
    }
    const request = requests[act.of];
    if (!request) throw new RangeError(`there is no container ${act.of}`);
    const { name } = request;
    if (act.kind === "start") for (const side of sides) await side.start(index, request);
    else if (act.kind === "pause") for (const side of sides) side.pause(index, name);
    else {
      const operation = { ...OF_DOCKER[act.kind], sandboxOf: name };
      simulated.run(index, operation);
      real.run(index, operation, simulated.isAlive(name) ? undefined : name);
    }
  }
  const macs = macsIn([
    ...network,
    ...acts.flatMap((act) => (act.kind === "operation" ? act.operation : [])),
  ]);
  const outcome = async (side: Side): Promise<Outcome> => {
    const facts = await side.look();
    return {
      refused: side.refused.toSorted((a, b) => a - b),
      standing: { ...standing(facts, macs), ...containersIn(facts) },
    };
  };
  return { simulated: await outcome(simulated), real: await outcome(real) };
}

/** What a look shows of containers, but for what is fresh each time. */
function containersIn({ containers = [], sandboxes }: HostFacts): object {
  return Object.fromEntries(
    containers.map((summary) => [
      `container ${summary.name}`,
      {
        ...summary,
        id: undefined,
        imageId: undefined,
        inside: { ...sandboxes.get(summary.id), pid: undefined },
      },
    ]),
  );
}

export class InMemory implements Side {
  readonly refused: number[] = [];
  readonly clients: Clients;
  readonly #machine: Machine;
  readonly #ids = new Map<string, string>();
  readonly #sandboxes = new Map<string, string>();
  #now = 0;

  constructor(twins: Twins) {
    this.#machine = twins.machine(() => this.#now);
    this.clients = new Clients(new Fabric([this.#machine]), () => this.#now);
  }

  async start(act: number, request: ContainerRequest): Promise<void> {
    this.#machine.images.set(request.image, "");
    try {
      const { id, sandbox } = startContainer(this.#machine, request);
      this.#ids.set(request.name, id);
      this.#sandboxes.set(request.name, sandbox);
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      this.refused.push(act);
    }
  }

  pause(act: number, name: string): void {
    const container = this.#machine.containers.get(this.#ids.get(name) ?? "");
    if (container?.state === "running") container.state = "paused";
    else this.refused.push(act);
  }

  run(act: number, operation: ScriptOperation): void {
    const named = withId(operation, this.#ids);
    const block = { tenant: "", operations: [named], sandboxes: this.#sandboxes };
    const canRun = !lacksSandbox(operation, this.#sandboxes);
    if (!canRun || !runBlock(this.#machine, block, { lines: Number.POSITIVE_INFINITY }).ok)
      this.refused.push(act);
    this.#now += 1000;
    settle(this.#machine);
    this.clients.settle();
  }

  async look(): Promise<HostFacts> {
    return shown(this.#machine);
  }

  /** Whether a container has processes. */
  isAlive(name: string): boolean {
    return this.#machine.containers.get(this.#ids.get(name) ?? "")?.space !== undefined;
  }
}

/** What is done by scripts is done in one, as late as it can be. */
export class InLab implements Side {
  readonly refused: number[] = [];
  readonly #twins: Twins;
  readonly #ids = new Map<string, string>();
  readonly #sandboxes = new Map<string, string>();
  #script = "";

  constructor(twins: Twins) {
    this.#twins = twins;
  }

  async start(act: number, request: ContainerRequest): Promise<void> {
    await this.flush();
    try {
      const { id, sandbox } = await this.#twins.engine.start(request, NEVER);
      this.#ids.set(request.name, id);
      this.#sandboxes.set(request.name, sandbox);
      this.#script += `before ${witness(id)} ../..${sandbox}\n`;
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      this.refused.push(act);
    }
  }

  pause(act: number, name: string): void {
    this.#add(act, `docker pause ${this.#ids.get(name) ?? NOBODY}\n`);
  }

  run(act: number, operation: ScriptOperation, ended?: string): void {
    if (lacksSandbox(operation, this.#sandboxes)) this.refused.push(act);
    else this.#add(act, renderSections([withId(operation, this.#ids)], this.#sandboxes));
    const id = this.#ids.get(ended ?? "");
    // Docker says so a moment after.
    if (id !== undefined)
      this.#script += `gone ${witness(id)}\ntimeout 5 docker wait ${id} >/dev/null 2>&1\n`;
  }

  async look(): Promise<HostFacts> {
    await this.flush();
    const containers = await this.#twins.engine.list(NEVER);
    this.#script = `${LOOKING}\ndocker rm -f ${[...this.#ids.values()].join(" ")} >/dev/null 2>&1\nclean\n`;
    return parse(this.#twins.hv, await this.flush(), containers);
  }

  #add(act: number, script: string): void {
    this.#script += `( set -e\n${script}) >/dev/null 2>&1; [ $? = 0 ] || echo "#!${act}"\n`;
  }

  /** Does what is still to be done. */
  async flush(): Promise<string> {
    const { stdout } = await this.#twins.exec(`${PROGRAMS}${HARNESS}e=$(mktemp)\n${this.#script}rm -f "$e"`);
    this.#script = "";
    this.refused.push(...refusedIn(stdout));
    return stdout;
  }
}

const NEVER = new AbortController().signal;

/** Whether an operation is for a container of which it is not known where its network is: such a one is never sent. */
const lacksSandbox = (
  { tool, lines, sandboxOf = "" }: ScriptOperation,
  sandboxes: ReadonlyMap<string, string>,
): boolean =>
  (tool === "sandbox" || lines.some((line) => line.includes(SANDBOX))) && !sandboxes.has(sandboxOf);

const withId = (operation: ScriptOperation, ids: ReadonlyMap<string, string>): ScriptOperation => ({
  ...operation,
  lines: operation.lines.map((line) => line.replace(ID, ids.get(operation.sandboxOf ?? "") ?? NOBODY)),
});

/** The link that shows by its end that a container's namespace has gone. */
const witness = (id: string): string => `z${id.slice(0, 8)}`;
