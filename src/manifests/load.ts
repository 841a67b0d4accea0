import { entriesOf } from "../api/records.ts";
import type { Hypervisor } from "../api/kinds.gen.ts";
import { type HypervisorName, isName, type SubnetName, type TenantName, trusted } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import { checkFile } from "./check.ts";
import { by, byText } from "./compare.ts";
import type { Document } from "./document.ts";
import { fileProblem } from "./fault.ts";
import { type InForce, settle } from "./force.ts";
import { parseFile, type WrittenFile } from "./parse.ts";
import { placeOf } from "./place.ts";
import { readAtRest } from "./reading.ts";
import type { DocumentKey, StoredDocument, TenantManifests } from "../api/documents.ts";
import { ManifestsError, type Problem, type Revision } from "./revision.ts";
import { RULES } from "./rules/index.ts";
import type { Rule } from "./rules/rule.ts";
import { privateKeyIn } from "./secrets.ts";
import type { Tree, TreeFile } from "./tree.ts";

/** How a tree is read. */
export interface LoadOptions {
  /** Documents that were in force before, by key: they stand in for broken versions of themselves. */
  readonly lastGood?: ReadonlyMap<string, StoredDocument>;
  /** Default: all of them. */
  readonly rules?: readonly Rule[];
  /** Read as if this were in one of its files: to see what an edit would lead to before it is written. */
  readonly edited?: TreeFile;
}

/** Remembered documents as {@link load} takes them. */
export const lastGoodOf = (
  documents: Readonly<Record<DocumentKey, StoredDocument>>,
): ReadonlyMap<DocumentKey, StoredDocument> => new Map(entriesOf(documents));

/**
 * Reads a tree of manifests. Every problem is reported; a broken document is replaced by its last good version, and
 * where there is none, its tenant is held. One tenant's mistakes change nothing for another.
 * Throws a {@link ManifestsError} when the tree is unreadable, empty, or without a valid Hypervisor document.
 */
export async function load(directory: string, options: LoadOptions = {}): Promise<Revision> {
  const { lastGood = new Map<string, StoredDocument>(), rules = RULES, edited } = options;
  const { tree, digest, commit, unsettled, remarks } = await readAtRest(directory, systemClock.now());
  const files = tree.manifests
    .map((file) => (file.path === edited?.path ? edited : file))
    .map(parseFile)
    .map(inItsPlace);
  const documents = files.flatMap(checkFile);
  const illegible = [
    ...tree.unreadable.map(({ file }) => file),
    ...files.filter((file) => file.documents === undefined).map(({ path }) => path),
  ];
  // guard: last good version
  const inForce = settle({ documents, illegible, lastGood, rules, whole: unsettled.length === 0 });
  const problems = [...unsettled, ...remarks, ...problemsOf(tree, files, documents)];

  if (tree.manifests.length === 0 && tree.unreadable.length === 0) {
    throw new ManifestsError(`${directory} holds no manifest`, problems, {
      fix: "give the directory that holds provider/ and tenants/",
    });
  }
  const stored = [...inForce.documents].toSorted(by(([key]) => key));
  const hypervisors = new Map<HypervisorName, Hypervisor>();
  for (const [, { object }] of stored)
    if (object.kind === "Hypervisor") hypervisors.set(object.metadata.name, object);
  const [first] = hypervisors.values();
  if (first === undefined) {
    throw new ManifestsError(`${directory} holds no valid Hypervisor document`, problems, {
      fix: "declare a hypervisor in provider/, or mend the one that is there",
    });
  }
  return {
    directory: tree.directory,
    digest,
    commit,
    fleet: first.spec.fleet,
    hypervisors,
    tenants: tenantsOf(inForce, documents),
    problems,
    complete: inForce.complete,
    documents: new Map<DocumentKey, StoredDocument>(stored),
  };
}

/** Says once for a file what is wrong with where it lies. */
function inItsPlace(file: WrittenFile): WrittenFile {
  const place = placeOf(file.path);
  if (place.area !== "none") return file;
  const suggestion = "move it to where what it declares belongs";
  const problem = fileProblem(file.path, "EK-PLACE", place.why, { suggestion });
  return { ...file, problems: [problem, ...file.problems] };
}

const problemsOf = (
  tree: Tree,
  files: readonly WrittenFile[],
  documents: readonly Document[],
): readonly Problem[] =>
  [
    ...tree.unreadable,
    ...tree.others.flatMap(({ path, content }) => privateKeyIn(path, content) ?? []),
    ...files.flatMap(({ problems }) => problems),
    ...documents.flatMap(({ problems }) => problems),
  ].toSorted(
    (a, b) => byText(a.file, b.file) || a.line - b.line || a.column - b.column || byText(a.path, b.path),
  );

/** Tenants by name: those with a document or a subnet in force, and those that are held. */
function tenantsOf(inForce: InForce, all: readonly Document[]): Revision["tenants"] {
  const { documents, held } = inForce;
  const names = new Set<TenantName>(held.keys());
  for (const { tenant } of all) if (tenant !== undefined) names.add(tenant);
  for (const { object } of documents.values()) {
    if (object.kind === "Tenant") names.add(object.metadata.name);
    if (object.kind === "Subnet") names.add(object.metadata.namespace);
  }
  const sorted = [...names].filter(isName).toSorted(byText);
  return new Map(
    sorted.map((name): [TenantName, TenantManifests] => {
      const own = documents.get(`Tenant//${name}`)?.object;
      const tenant = own?.kind === "Tenant" ? own : undefined;
      const subnets = [...documents.values()]
        .flatMap(({ object }) =>
          object.kind === "Subnet" && object.metadata.namespace === name ? [object] : [],
        )
        .toSorted(by(({ metadata }) => metadata.name));
      const manifests: TenantManifests = {
        name,
        tenant,
        subnets: new Map(
          subnets.map((subnet): [SubnetName, typeof subnet] => [subnet.metadata.name, subnet]),
        ),
        held: held.get(name) ?? why(tenant, name, inForce),
      };
      return [trusted(name), manifests];
    }),
  );
}

/** Why a tenant none of whose own documents is at fault must be held all the same. */
function why(
  tenant: TenantManifests["tenant"],
  name: TenantName,
  { documents, lost, complete }: InForce,
): string | undefined {
  if (tenant === undefined) {
    return complete
      ? `tenant ${name} has no document in provider/`
      : `the document of tenant ${name} is not among those that can be read`;
  }
  const named = [tenant.spec.primary, ...tenant.spec.standby.map((standby) => standby.name)];
  const missing = named.find((hypervisor) => !documents.has(`Hypervisor//${hypervisor}`));
  if (missing === undefined) return undefined;
  return `its hypervisor ${missing} is not known: ${lost.get(missing) ?? "no document that can be read declares it"}`;
}
