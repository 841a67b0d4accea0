import type { HypervisorName } from "../../src/api/names.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { plantForeign } from "./foreign.ts";
import type { Stage } from "./stage.ts";
import {
  type Files,
  hypervisor,
  halfWritten,
  revisionOf,
  subnet,
  tenant,
  withBastion,
  withCollector,
} from "./trees.ts";

/** One thing that happens: manifests that come into force, or something that befalls a hypervisor before that. */
export interface Act {
  readonly files: Files;
  readonly befalls?: (stage: Stage) => void;
  /** What is refused is approved by an operator. */
  readonly isApproved?: boolean;
  /** Clients are cut off and turned away for a while: it is said so. */
  readonly interrupts?: boolean;
}

/** From a fleet that stands to one that should stand. */
export interface Scenario {
  readonly name: string;
  /** What is in force, and stands, before it begins. */
  readonly before: Files;
  readonly acts: readonly Act[];
}

/** Two hypervisors; the first has room for so many replicas. */
const site = (room = 50): Files => ({ ...hypervisor("hv1", 11, room), ...hypervisor("hv2", 12) });
const T1 = tenant("t1", 112);
const T2 = { ...tenant("t2", 120), ...subnet("t2", 120, 1) };
const web = (count: number, change: Parameters<typeof subnet>[3] = {}): Files =>
  subnet("t1", 112, count, change);

/** Virtual machines, whose image only home has. */
const MACHINES = { runtime: "libvirt" };

const HV1 = "hv1" as HypervisorName;
const HV2 = "hv2" as HypervisorName;

const lost = ({ simulation, monitor }: Stage, name: HypervisorName): void => {
  simulation.fabric.off.add(name);
  monitor.mayFail = true;
  monitor.check("fault");
};
const back = ({ simulation, monitor }: Stage, name: HypervisorName): void => {
  const machine = simulation.machine(name);
  machine.boot();
  plantForeign(machine);
  simulation.fabric.off.delete(name);
  monitor.check("fault");
};

export const SCENARIOS: readonly Scenario[] = [
  { name: "create", before: site(), acts: [{ files: { ...site(), ...T1, ...web(2) } }] },
  {
    name: "scale out",
    before: { ...site(), ...T1, ...web(1), ...T2 },
    acts: [{ files: { ...site(), ...T1, ...web(3), ...T2 } }],
  },
  {
    name: "a bastion comes",
    before: { ...site(), ...T1, ...web(1), ...T2 },
    acts: [{ files: { ...site(), ...withBastion(T1, "AAAA"), ...web(1), ...T2 } }],
  },
  {
    name: "a bastion takes another key",
    before: { ...site(), ...withBastion(T1, "AAAA"), ...web(1), ...T2 },
    acts: [{ files: { ...site(), ...withBastion(T1, "BBBB"), ...web(1), ...T2 } }],
  },
  {
    name: "a bastion goes",
    before: { ...site(), ...withBastion(T1, "AAAA"), ...web(1), ...T2 },
    acts: [{ files: { ...site(), ...T1, ...web(1), ...T2 } }],
  },
  {
    name: "a collector comes",
    before: { ...site(), ...T1, ...web(1), ...T2 },
    acts: [{ files: { ...site(), ...T1, ...withCollector(web(1)), ...T2 } }],
  },
  {
    name: "a collector goes",
    before: { ...site(), ...T1, ...withCollector(web(1)), ...T2 },
    acts: [{ files: { ...site(), ...T1, ...web(1), ...T2 } }],
  },
  {
    name: "scale in",
    before: { ...site(), ...T1, ...web(3), ...T2 },
    acts: [{ files: { ...site(), ...T1, ...web(1), ...T2 } }],
  },
  {
    name: "burst",
    before: { ...site(2), ...T1, ...web(2) },
    acts: [{ files: { ...site(2), ...T1, ...web(3) } }],
  },
  {
    name: "come home",
    before: { ...site(2), ...T1, ...web(4) },
    acts: [{ files: { ...site(2), ...T1, ...web(2) } }],
  },
  {
    name: "roll an image",
    before: { ...site(), ...T1, ...web(2) },
    acts: [{ files: { ...site(), ...T1, ...web(2, { greeting: "bye" }) } }],
  },
  {
    name: "recreate a CIDR",
    before: { ...site(2), ...T1, ...web(3) },
    acts: [
      {
        files: { ...site(2), ...T1, ...web(3, { cidr: "10.13.14.0/24" }) },
        isApproved: true,
        interrupts: true,
      },
    ],
  },
  {
    name: "delete a tenant",
    before: { ...site(2), ...T1, ...web(3), ...T2 },
    acts: [{ files: { ...site(2), ...T2 } }],
  },
  {
    name: "move home",
    before: { ...site(), ...withBastion(T1, "AAAA"), ...web(2) },
    acts: [
      {
        files: { ...site(), ...withBastion(tenant("t1", 112, "hv2"), "AAAA"), ...web(2) },
        interrupts: true,
      },
    ],
  },
  {
    name: "standby lost and back",
    before: { ...site(2), ...T1, ...web(3) },
    acts: [
      { files: { ...site(2), ...T1, ...web(3) }, befalls: (stage) => lost(stage, HV2) },
      { files: { ...site(2), ...T1, ...web(3) }, befalls: (stage) => back(stage, HV2) },
    ],
  },
  {
    name: "home rebooted",
    before: { ...site(2), ...T1, ...web(3) },
    acts: [
      {
        files: { ...site(2), ...T1, ...web(3) },
        befalls: (stage) => {
          lost(stage, HV1);
          back(stage, HV1);
        },
      },
    ],
  },
  {
    name: "both rebooted",
    before: { ...site(2), ...T1, ...web(3) },
    acts: [
      {
        files: { ...site(2), ...T1, ...web(3) },
        befalls: (stage) => {
          for (const name of [HV1, HV2]) {
            lost(stage, name);
            back(stage, name);
          }
        },
      },
    ],
  },
  {
    name: "create machines",
    before: site(1),
    acts: [{ files: { ...site(1), ...T1, ...web(2, MACHINES) } }],
  },
  {
    name: "roll machines",
    before: { ...site(), ...T1, ...web(2, MACHINES) },
    acts: [{ files: { ...site(), ...T1, ...web(2, { ...MACHINES, greeting: "bye" }) } }],
  },
  {
    name: "machines come home",
    before: { ...site(2), ...T1, ...web(4, MACHINES), ...T2 },
    acts: [{ files: { ...site(2), ...T1, ...web(2, MACHINES), ...T2 } }],
  },
  {
    name: "machines instead of containers",
    before: { ...site(), ...T1, ...web(2) },
    acts: [{ files: { ...site(), ...T1, ...web(2, MACHINES) } }],
  },
  {
    name: "both rebooted, with machines",
    before: { ...site(2), ...T1, ...web(3, MACHINES) },
    acts: [
      {
        files: { ...site(2), ...T1, ...web(3, MACHINES) },
        befalls: (stage) => {
          for (const name of [HV1, HV2]) {
            lost(stage, name);
            back(stage, name);
          }
        },
      },
    ],
  },
];

/** A tree as evenkeel reads it: whole, and while it is being written. */
export interface TreeReading {
  readonly whole: Revision;
  readonly torn: Revision;
}

/** The trees of a scenario; the same for every plan. */
export interface Reading {
  readonly before: TreeReading;
  readonly acts: readonly TreeReading[];
}

export async function readTree(files: Files): Promise<TreeReading> {
  const whole = await revisionOf(files);
  return { whole, torn: await halfWritten(files, whole) };
}

export const read = async ({ before, acts }: Scenario): Promise<Reading> => ({
  before: await readTree(before),
  acts: await Promise.all(acts.map(({ files }) => readTree(files))),
});
