import { EvenkeelError } from "../api/errors.ts";
import type { FleetName, HypervisorName, Incarnation, TenantName } from "../api/names.ts";
import { viewHypervisors } from "../controllers/hypervisor-view.ts";
import { silentRuntime } from "../facts/visibility.ts";
import type { Observation } from "../facts/facts.ts";
import { writeExported } from "../manifests/export/export.ts";
import { type ReplicasShown, shownTenant } from "../manifests/export/shown.ts";
import { manifestsOf } from "../manifests/export/text.ts";
import { isBastion } from "../resources/bastion.ts";
import { isContainer } from "../resources/container.ts";
import { observe } from "../resources/index.ts";
import { markedDomains } from "../resources/taps.ts";
import type { Resource } from "../resources/resource.ts";
import { begin } from "./begin.ts";
import { interruptible } from "./interrupt.ts";
import { foreseen } from "./plan.ts";
import { coloursFor, describeProblems } from "./problems.ts";
import { describeSource, notFound } from "./seen.ts";
import type { Session, SessionOptions } from "./session.ts";
import { answer, sameDirectory, tell } from "./streams.ts";

export interface ExportOptions extends SessionOptions {
  /** Only this tenant. */
  readonly namespace?: string;
  /** Into the tree, instead of on standard output. */
  readonly write?: boolean;
}

/**
 * `reconcile export`: manifests of what hypervisors show, for tenants whose files were lost. Holds nothing, and changes
 * nothing on them. Resolves to the exit code: 3 when a hypervisor was not seen, on which more may stand.
 */
export async function exportTenants(directory: string, options: ExportOptions): Promise<number> {
  const session = await begin(directory, options, { hold: false, quiet: true });
  try {
    const { revision, result } = await foreseen(session);
    const { observation } = result;
    tell(describeSource(viewHypervisors(revision, observation)));
    const unseen = unseenIn(observation);
    const { fleet } = session.world;
    const observed = [...observation.seen.values()].flatMap((facts) => observe(facts, fleet));
    const names = tenantsIn(observed, options.namespace, fleet);
    const shown: ReplicasShown = {
      containers: await containersOf(observed, new Set(names), session),
      machines: machinesOf(observation, fleet),
    };
    const manifests = new Map(
      names.flatMap((name) => [...manifestsOf(shownTenant(name, observed, shown), unseen)]),
    );
    if (options.write) await writeTo(directory, manifests, unseen);
    else answer([...manifests].map(([file, text]) => `---\n# ${file}\n${text}`).join(""));
    return unseen.length > 0 ? 3 : 0;
  } finally {
    await session.close();
  }
}

/** Hypervisors that were not seen whole. */
const unseenIn = ({ seen, unseen }: Observation): HypervisorName[] => [
  ...unseen.keys(),
  ...[...seen].flatMap(([name, facts]) => (silentRuntime(facts) === undefined ? [] : [name])),
];

function tenantsIn(
  observed: readonly Resource[],
  wanted: string | undefined,
  fleet: FleetName,
): readonly TenantName[] {
  const names = [...new Set(observed.map(({ tenant }) => tenant))].toSorted();
  const found = wanted === undefined ? names : names.filter((name) => isNamed(name, wanted));
  if (found.length > 0) return found;
  throw wanted === undefined
    ? new EvenkeelError("EK-NOT-FOUND", `nothing of fleet ${fleet} is to be seen on its hypervisors`)
    : notFound(`tenant/${wanted}`, fleet);
}

const isNamed = (name: string, wanted: string): boolean => name === wanted;

/** Asks Docker what containers were made from; one that goes meanwhile is left out. */
const containersOf = (
  observed: readonly Resource[],
  tenants: ReadonlySet<TenantName>,
  { world }: Session,
): Promise<ReplicasShown["containers"]> =>
  interruptible(async (signal) => {
    const all = [...observed.filter(isContainer), ...observed.filter(isBastion)].filter(({ tenant }) =>
      tenants.has(tenant),
    );
    const shown = await Promise.all(
      all.map(async ({ hypervisor, state: { id, mark } }) => {
        const engine = world.hosts.get(hypervisor)?.containers;
        const made = id === undefined ? undefined : await engine?.describe(id, signal);
        return made && ([mark.incarnation, made] as const);
      }),
    );
    return new Map<Incarnation, NonNullable<(typeof shown)[number]>[1]>(
      shown.filter((one) => one !== undefined),
    );
  });

/** What virtual machines were defined with, which the look shows. */
const machinesOf = ({ seen }: Observation, fleet: FleetName): ReplicasShown["machines"] =>
  new Map(
    [...seen.values()].flatMap((facts) =>
      markedDomains(facts, fleet).map(({ fact, mark }) => [mark.incarnation, fact.made] as const),
    ),
  );

async function writeTo(
  directory: string,
  manifests: ReadonlyMap<string, string>,
  unseen: readonly HypervisorName[],
): Promise<void> {
  // A subnet without its file is a subnet to be removed.
  if (unseen.length > 0)
    throw new EvenkeelError(
      "EK-HOST-UNREACHABLE",
      `${unseen.join(", ")} was not seen; what is written without it would lack what stands there`,
      { fix: "leave out --write to see what is known, or try again when it answers" },
    );
  const problems = await writeExported(directory, manifests);
  const where = sameDirectory(directory);
  answer(
    [
      `Wrote to ${directory}:`,
      ...[...manifests.keys()].map((file) => `  ${file}`),
      "Next: read what is marked FILL IN or CHECK, and then",
      `  reconcile validate${where}`,
      `  reconcile diff${where}`,
    ]
      .map((line) => `${line}\n`)
      .join(""),
  );
  tell(describeProblems(problems, directory, coloursFor(process.stderr)));
}
