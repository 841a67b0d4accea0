import type { Ipv4 } from "../../src/api/addresses.ts";
import { trusted } from "../../src/api/names.ts";
import type { ScriptOperation } from "../../src/resources/operation.ts";
import { CpuCounter } from "../../src/simulated/cpu.ts";
import { loopback, type Machine } from "../../src/simulated/machine.ts";
import { emptySpace } from "../../src/simulated/parts.ts";

/** Where namespaces have their names. */
const NAMED = "/run/netns/";

/**
 * What stands for each container that operations put links into, by its name: a namespace with a name, in which more can be
 * seen than in a container's, and which is made in no time.
 */
export const boxesFor = (operations: readonly ScriptOperation[]): Map<string, string> =>
  new Map(
    operations.flatMap(({ sandboxOf }) =>
      sandboxOf === undefined ? [] : [[sandboxOf, `${NAMED}box.${sandboxOf}`] as const],
    ),
  );

/** Puts one into a hypervisor in memory. */
export function addBox(machine: Machine, name: string, sandbox: string): void {
  const space = emptySpace();
  loopback(machine, space);
  machine.spaces.set(sandbox.slice(NAMED.length), space);
  machine.containers.set(name, {
    id: name,
    request: {
      name,
      hostname: "",
      image: "",
      command: [],
      env: [],
      labels: {},
      resolver: trusted<Ipv4>(""),
      searchDomains: [],
      nanoCpus: 0,
      memory: 0,
    },
    state: "running",
    pid: 0,
    sandbox,
    space,
    endsAt: undefined,
    cpu: new CpuCounter(0),
  });
}
