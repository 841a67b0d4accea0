import { appendFileSync } from "node:fs";
import type { HypervisorName } from "../../src/api/names.ts";
import type { Host } from "../../src/hosts/host.ts";
import { load } from "../../src/manifests/load.ts";
import { Stage } from "../simulation/stage.ts";

/**
 * What the program is built with in place of its connections and of its ledger's file, for dry commands: hypervisors that
 * let themselves be looked at and sampled, and end the program at once when anything else is wanted of them.
 */

/** Nothing in between may take it for a hypervisor that does not answer. */
const refuse = (what: string) => (): never => {
  process.stderr.write(`a dry command wanted to ${what}\n`);
  process.exit(REFUSED);
};

/** The exit code of a command that wanted more than to look. */
const REFUSED = 99;
const variable = (name: string): string => process.env[name] ?? refuse(`do without ${name}`)();

function lookedAtOnly(host: Host, pass: () => void): Host {
  const { name } = host;
  const asked = (what: string): void => {
    pass();
    appendFileSync(variable("DRY_ASKED"), `${what} ${name}\n`);
  };
  return {
    name,
    look(options) {
      if (options.freeFence || options.keepFence) refuse(`write the fence of ${name}`)();
      asked("look");
      return host.look(options);
    },
    sample(options) {
      asked("sample");
      return host.sample(options);
    },
    change: refuse(`change ${name}`),
    probe: refuse(`probe from ${name}`),
    checkHealth: refuse(`check health from ${name}`),
    contact: refuse(`try ${name} out`),
    listen: refuse(`listen to ${name}`),
    containers: {
      imageId: refuse(`ask ${name} for an image`),
      pull: refuse(`pull an image on ${name}`),
      start: refuse(`start a container on ${name}`),
      sandbox: refuse(`ask ${name} for a sandbox`),
      describe: refuse(`ask ${name} for a container`),
    },
    publish: refuse(`write on ${name}`),
    readBastionKey: refuse(`ask ${name} for a key`),
    writeBastionKey: refuse(`write on ${name}`),
    images: refuse(`ask ${name} for its images`),
    close: async () => {},
  };
}

/** Hypervisors on which stands what the manifests in `DRY_STANDING` say: the same at each start. */
export class Connections {
  hosts: ReadonlyMap<HypervisorName, Host> = new Map();

  async follow(): Promise<void> {
    const revision = await load(variable("DRY_STANDING"));
    const reading = { whole: revision, torn: revision };
    const stage = new Stage(reading);
    await stage.act(reading);
    // So long after the last question: two samples are a second apart at the least.
    const pass = (): void => stage.clock.step(1_000);
    const hosts = stage.simulation.hosts(async (_, perform) => perform());
    this.hosts = new Map([...hosts].map(([name, host]) => [name, lookedAtOnly(host, pass)]));
  }

  async close(): Promise<void> {}
}

/** Nobody may have it. */
export const FileLedger = { open: refuse("hold the ledger") };
export { readMemory } from "../../src/ledger/file.ts";
