import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { Manifest } from "../../src/api/documents.ts";
import { load } from "../../src/manifests/load.ts";
import type { SubnetName } from "../../src/api/names.ts";
import type { PortState } from "../../src/resources/port.ts";
import type { Resource } from "../../src/resources/resource.ts";
import { emptyMemory } from "../../src/replicas/memory.ts";
import { FLEET, pass, type Scenario, scenario, short, T2 } from "./scenario.ts";

/**
 * Stories: what is wanted (manifests.yaml), what stands and what was done to it (observed.yaml), and the plan that follows
 * (plan.yaml), reason by reason. `UPDATE_GOLDEN=1 npm test -- test/unit/golden.test.ts` writes the plans anew: read the
 * difference before you commit it.
 */
const STORIES = "test/golden";

/** What observed.yaml may say. */
interface Observed {
  /** `nothing`, what manifests.yaml asks for, or what these other documents ask for. */
  stands: "nothing" | "asDesired" | Record<string, unknown>[];
  /** Deleted by hand: `bridge web@hv1`. */
  deleted?: string[];
  /** Changed by hand: fields of the state, by resource. */
  changed?: Record<string, Record<string, unknown>>;
  unseen?: string[];
  withoutDocker?: string[];
  ledger?: "lost";
  /** Replicas that never answer, by ordinal. */
  mute?: number[];
}

describe("stories", () => {
  test.each(["onboarding", "nothing-to-do"])("%s is among them", async (story) => {
    expect(await readdir(STORIES)).toContain(story);
  });
});

const stories = await readdir(STORIES);

describe.each(stories)("%s", (story) => {
  test("plans as written", async () => {
    const read = (file: string): Promise<string> => readFile(join(STORIES, story, file), "utf8");
    const manifests = parseAllDocuments(await read("manifests.yaml")).map((one) => one.toJS() as Manifest);
    const observed = parse(await read("observed.yaml")) as Observed;
    const on = await prepare(manifests, observed);

    const entries = pass(on, leavingOf(on, manifests)).map((entry) => ({
      [short(entry)]: entry.reason,
      ...(entry.disruption !== "none" && { disruption: entry.disruption }),
    }));
    const plan = stringify(
      {
        plan: entries,
        ...(on.refusals.length > 0 && {
          refused: on.refusals.map(({ object, message }) => `${object}: ${message}`),
        }),
        ...(on.notes.length > 0 && {
          notes: on.notes.map(({ reason, object, message }) => `${reason} ${object}: ${message}`),
        }),
      },
      { lineWidth: 0 },
    );
    if (process.env["UPDATE_GOLDEN"]) await writeFile(join(STORIES, story, "plan.yaml"), plan);
    expect(plan).toBe(await read("plan.yaml"));
  });
});

/** Builds what stands by converging on it, then does to it what the story says. */
async function prepare(wanted: readonly Manifest[], observed: Observed): Promise<Scenario> {
  const on = await documents(wanted);
  if (observed.stands !== "nothing") {
    const before =
      observed.stands === "asDesired" ? on : await documents(observed.stands as unknown as Manifest[]);
    pass(before);
    Object.assign(on, { fleet: before.fleet, observed: before.observed, now: before.now });
    on.tenant ??= before.tenant;
    on.subnets = [...on.subnets, ...departing(before, on)];
  }
  if (observed.ledger === "lost") on.fleet = emptyMemory(FLEET);
  const named = (resource: Resource, name: string): boolean =>
    short({ ...resource, verb: "add", subnet: resource.subnet } as never) === `+ ${name}`;
  // A container that goes takes its ports along.
  const hadPort = (resource: Resource, name: string): boolean =>
    resource.kind === "port" &&
    on.observed.some((one) => named(one, name) && one.name === (resource.state as PortState).workload);
  for (const name of observed.deleted ?? []) {
    expect(on.observed.filter((resource) => named(resource, name))).toHaveLength(1);
    on.observed = on.observed.filter((resource) => !named(resource, name) && !hadPort(resource, name));
  }
  for (const [name, change] of Object.entries(observed.changed ?? {}))
    on.observed = on.observed.map((resource) =>
      named(resource, name)
        ? { ...resource, state: patched(resource.state as Record<string, unknown>, change) }
        : resource,
    );
  return Object.assign(on, {
    unseen: observed.unseen ?? [],
    withoutDocker: observed.withoutDocker ?? [],
    mute: observed.mute ?? [],
  });
}

/** Somebody changed some fields, or some fields of a field. */
const patched = (
  state: Record<string, unknown>,
  change: Record<string, unknown>,
): Record<string, unknown> => {
  const merged = Object.entries(change).map(([field, value]) => [
    field,
    typeof value === "object" ? { ...(state[field] as object), ...value } : value,
  ]);
  return { ...state, ...Object.fromEntries(merged) };
};

/** Subnets that stood before and have no document any more: their last one still says how they are drained. */
const departing = (before: Scenario, on: Scenario): Scenario["subnets"] =>
  before.subnets.filter(({ metadata }) => !on.subnets.some((one) => one.metadata.name === metadata.name));

function leavingOf(on: Scenario, manifests: readonly Manifest[]): ReadonlySet<SubnetName> | "everything" {
  if (!manifests.some(({ kind }) => kind === "Tenant")) return "everything";
  const written = new Set(manifests.map(({ metadata }) => metadata.name as string));
  return new Set(on.subnets.map(({ metadata }) => metadata.name).filter((name) => !written.has(name)));
}

/** Reads documents as the product does: from a tree on disk, with defaults, strictly. */
async function documents(all: readonly Manifest[]): Promise<Scenario> {
  const tree = await mkdtemp(join(tmpdir(), "evenkeel-golden-"));
  try {
    for (const [index, document] of all.entries()) {
      const folder = join(tree, document.kind === "Subnet" ? `tenants/${T2}` : "provider");
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `${index}.yaml`), stringify(document));
    }
    const revision = await load(tree);
    expect(revision.problems.filter(({ severity }) => severity === "error")).toEqual([]);
    const tenant = revision.tenants.get(T2);
    return scenario({
      tenant: tenant?.tenant,
      subnets: [...(tenant?.subnets.values() ?? [])],
      hypervisors: [...revision.hypervisors.values()],
    });
  } finally {
    await rm(tree, { recursive: true });
  }
}
