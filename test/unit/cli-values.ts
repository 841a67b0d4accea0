import type { DocumentKey, Manifest, StoredDocument } from "../../src/api/documents.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import { outcomeOf, type Outcome } from "../../src/cli/outcome.ts";
import type { Foresight } from "../../src/cli/plan-view.ts";
import type { TenantResult } from "../../src/controllers/controller.ts";
import type { Ending } from "../../src/engine/run.ts";
import type { HostFacts, Observation } from "../../src/facts/facts.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import type { PlanEntry } from "../../src/plan/plan.ts";
import type { ContainerState } from "../../src/resources/container.ts";
import { labelsOf } from "../../src/resources/marks.ts";
import { FLEET, type Scenario, scenario, T2 } from "./scenario.ts";
import { NOTHING } from "./facts-values.ts";

/** What the commands are given, as a scenario would lead to it: the printers and views are tried on these. */

const keyOf = ({ kind, metadata }: Manifest): DocumentKey =>
  `${kind}/${"namespace" in metadata ? metadata.namespace : ""}/${metadata.name}`;

export function revisionOf(on: Scenario): Revision {
  const objects: Manifest[] = [...on.hypervisors, ...(on.tenant ? [on.tenant] : []), ...on.subnets];
  return {
    directory: "/srv/manifests",
    digest: "0",
    commit: undefined,
    fleet: FLEET,
    hypervisors: new Map(on.hypervisors.map((one) => [one.metadata.name, one])),
    tenants: new Map([
      [
        T2,
        {
          name: T2,
          tenant: on.tenant,
          subnets: new Map(on.subnets.map((one) => [one.metadata.name, one])),
          held: undefined,
        },
      ],
    ]),
    problems: [],
    complete: true,
    documents: new Map(
      objects.map((object): [DocumentKey, StoredDocument] => [keyOf(object), { file: "x.yaml", object }]),
    ),
  };
}

/** Looks that show the containers of a scenario, and nothing else. */
export function observation(on: Scenario): Observation {
  const names = on.hypervisors.map(({ metadata }) => metadata.name);
  const facts = (hypervisor: (typeof names)[number]): HostFacts => ({
    hypervisor,
    bootId: "b",
    own: NOTHING,
    namespaces: new Map(),
    containers: on.withoutDocker.includes(hypervisor)
      ? undefined
      : on.observed
          .filter((one) => one.kind === "container" && one.hypervisor === hypervisor)
          .map(({ name, state }) => ({
            id: name,
            name,
            image: "",
            imageId: "",
            state: "running",
            labels: labelsOf(FLEET, (state as ContainerState).mark),
          })),
    resolvers: new Map(),
    collectors: new Map(),
    domains: [],
    sandboxes: new Map(),
    fence: undefined,
  });
  const error = (name: string): EvenkeelError =>
    new EvenkeelError("EK-HOST-UNREACHABLE", `${name}: no answer in 10 s`, { fix: "check the way there" });
  return {
    seen: new Map(names.filter((name) => !on.unseen.includes(name)).map((name) => [name, facts(name)])),
    unseen: new Map(
      names
        .filter((name) => on.unseen.includes(name))
        .map((hypervisor) => [hypervisor, { hypervisor, error: error(hypervisor) }]),
    ),
  };
}

export const result = (change: Partial<TenantResult>): TenantResult => ({
  tenant: T2,
  state: "converged",
  entries: [],
  notes: [],
  refusals: [],
  failures: [],
  undone: [],
  receipts: [],
  sighting: {
    observed: [],
    seen: new Set(),
    visible: { docker: new Set(), libvirt: new Set() },
    connections: undefined,
    answers: new Map(),
  },
  isMoving: false,
  again: undefined,
  ...change,
});

/** A dry pass that came to these entries. */
export const foresight = (
  on: Scenario,
  entries: readonly PlanEntry[],
  change: Partial<TenantResult> = {},
  before = scenario().fleet,
): Foresight => ({
  revision: revisionOf(on),
  before,
  result: {
    tenants: [result({ entries, ...change })],
    refusals: [],
    observation: observation(on),
  },
});

/** What a run of 4.1 s on a plain scenario came to. */
export function outcome(
  results: readonly TenantResult[],
  options: {
    readonly ending?: Ending;
    readonly unseen?: readonly string[];
    readonly interrupted?: number;
  } = {},
): Outcome {
  const on = scenario({ unseen: [...(options.unseen ?? [])] });
  const trips = [5, 4].map(
    (looks, index) => [on.hypervisors[index]!.metadata.name, { looks, changes: 0, probes: 1 }] as const,
  );
  const tenants = new Map(
    results.map((last) => [
      last.tenant,
      { last, entries: last.entries, receipts: last.receipts, milliseconds: 4100 },
    ]),
  );
  const last = { tenants: results, refusals: [], observation: observation(on) };
  return outcomeOf(
    revisionOf(on),
    { ending: options.ending ?? "done", tenants, last, milliseconds: 4100 },
    { trips: new Map(trips), detailed: false, interrupted: options.interrupted },
  );
}
