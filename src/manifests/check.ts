import { DEFINITIONS } from "../api/definitions.gen.ts";
import type { KindName } from "../api/kinds.gen.ts";
import { isName, type TenantName, trusted } from "../api/names.ts";
import { ANNOTATION_PREFIX, NOT_YET, NOT_YET_ANNOTATIONS } from "../api/not-yet.ts";
import { type Validate, validateHypervisor, validateSubnet, validateTenant } from "../api/validators.gen.js";
import { Document } from "./document.ts";
import type { Fault } from "./fault.ts";
import { repeatedItems } from "./list-keys.ts";
import { didYouMean } from "./nearest.ts";
import type { WrittenFile } from "./parse.ts";
import { child, expand, isMap, type Path, showPath, valueAt } from "./path.ts";
import { belongs, HOME, type Place, placeOf } from "./place.ts";
import type { Manifest } from "../api/documents.ts";
import { faultOf, show } from "./sentences.ts";
import type { WrittenDocument } from "./written.ts";

const API_VERSION = "evenkeel.dev/v1alpha1";
const KINDS: readonly string[] = Object.keys(DEFINITIONS);
const VALIDATORS: Readonly<Record<KindName, Validate>> = {
  Hypervisor: validateHypervisor,
  Tenant: validateTenant,
  Subnet: validateSubnet,
};

const isKind = (text: unknown): text is KindName => typeof text === "string" && KINDS.includes(text);

/** Checks each document of a file by itself: its kind, its place, its fields. */
export const checkFile = (file: WrittenFile): readonly Document[] =>
  (file.documents ?? []).map((written) => checkDocument(file, placeOf(file.path), written));

function checkDocument(file: WrittenFile, place: Place, written: WrittenDocument): Document {
  const { value } = written;
  const kind = child(value, "kind");
  const known = isKind(kind) && child(value, "apiVersion") === API_VERSION ? kind : undefined;
  const name = valueAt(value, ["metadata", "name"]);
  const legible = typeof name === "string" && isName(name) ? name : undefined;
  const checked = known && isMap(value) ? checkFields(known, place, value) : undefined;
  const namespace = place.area === "tenant" ? place.tenant : valueAt(value, ["metadata", "namespace"]);
  const inside = known === "Subnet" && typeof namespace === "string" ? namespace : "";
  const placed = known !== undefined && belongs(known, place);
  return new Document({
    file: file.path,
    kind: known,
    key: placed && legible !== undefined ? `${known}/${inside}/${legible}` : undefined,
    object: known && legible && [known, inside, legible].filter((part) => part !== "").join("/"),
    tenant: tenantOf(known, place, legible, namespace),
    manifest: checked?.manifest,
    unsound: checked?.unsound ?? [],
    written,
    faults: [
      ...written.faults,
      ...(known ? placeFaults(known, place) : kindFaults(value)),
      ...(checked?.faults ?? []),
    ],
    withdrawn: file.problems.length > 0,
  });
}

/** Whose things a mistake in the document holds. A tenant's folder never holds another tenant's. */
function tenantOf(
  kind: KindName | undefined,
  place: Place,
  name: string | undefined,
  namespace: unknown,
): TenantName | undefined {
  if (place.area === "tenant") return place.tenant;
  if (kind === "Tenant" && name !== undefined) return trusted(name);
  if (kind === "Subnet" && typeof namespace === "string" && isName(namespace)) return trusted(namespace);
  return undefined;
}

function kindFaults(value: unknown): readonly Fault[] {
  if (!isMap(value)) return [{ code: "EK-YAML", path: [], message: `must be a map, found ${show(value)}` }];
  const expected = { apiVersion: [API_VERSION], kind: KINDS };
  return Object.entries(expected).flatMap(([field, choices]): readonly Fault[] => {
    const found = child(value, field);
    const must = choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(", ")}`;
    if (found === undefined)
      return [{ code: "EK-FIELD-MISSING", path: [field], message: `must be given: ${must}` }];
    if (choices.some((choice) => choice === found)) return [];
    const suggestion = typeof found === "string" ? didYouMean(found, choices) : undefined;
    return [
      {
        code: "EK-KIND-UNKNOWN",
        path: [field],
        message: `must be ${must}; found ${show(found)}`,
        suggestion,
      },
    ];
  });
}

function placeFaults(kind: KindName, place: Place): readonly Fault[] {
  // That a file lies in no place at all is said once for the file.
  if (place.area === "none" || belongs(kind, place)) return [];
  const here = place.area === "provider" ? "provider/" : `tenants/${place.tenant}/`;
  const message = `must not be ${kind} in ${here}, where it does not belong`;
  return [{ code: "EK-PLACE", path: ["kind"], message, suggestion: `a ${kind} belongs in ${HOME[kind]}` }];
}

/** What is wrong with a document's fields by its kind's schema and by the lists beside it. */
function checkFields(
  kind: KindName,
  place: Place,
  value: Readonly<Record<string, unknown>>,
): { manifest: Manifest; faults: readonly Fault[]; unsound: readonly Path[] } {
  const { status, ...rest } = value;
  const faults: Fault[] = [];
  if (status !== undefined) {
    const message = "must not be in a manifest: status is what evenkeel has seen, and lives in its ledger";
    faults.push({ code: "EK-FIELD-UNKNOWN", path: ["status"], at: "key", message });
  }
  const notYet = [...notYetFaults(kind, rest), ...annotationFaults(rest)];
  const document = kind === "Subnet" ? withNamespace(rest, place, faults) : rest;

  const validate = VALIDATORS[kind];
  const errors = validate(document) ? [] : (validate.errors ?? []);
  const refused = new Set(notYet.map(({ path }) => showPath(path)));
  const unsound: Path[] = [];
  const seen = new Set<string>();
  for (const error of errors) {
    const fault = faultOf(kind, document, error);
    const where = showPath(fault.path);
    if (fault.code !== "EK-FIELD-UNKNOWN") unsound.push(fault.path);
    // One sentence a place: the first says what it must be, the others would repeat it.
    if (!refused.has(where) && !seen.has(where)) faults.push(fault);
    seen.add(where);
  }
  faults.push(...notYet, ...repeatedItems(kind, document));
  // The validator has just said at which paths this is not so.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { manifest: document as unknown as Manifest, faults, unsound };
}

/** The namespace is the folder's name; written, it must be the same. */
function withNamespace(
  document: Readonly<Record<string, unknown>>,
  place: Place,
  faults: Fault[],
): Readonly<Record<string, unknown>> {
  const { metadata } = document;
  if (place.area !== "tenant" || !isMap(metadata)) return document;
  const { namespace } = metadata;
  if (namespace !== undefined && namespace !== place.tenant) {
    const message = `must be ${place.tenant}, the folder's name; found ${show(namespace)}`;
    faults.push({ code: "EK-PLACE", path: ["metadata", "namespace"], message });
  }
  return { ...document, metadata: { ...metadata, namespace: place.tenant } };
}

const notYetFaults = (kind: KindName, document: unknown): readonly Fault[] =>
  NOT_YET[kind].flatMap(({ path: pattern, value }) =>
    expand(document, pattern)
      .filter((path) => value === undefined || valueAt(document, path) === value)
      .map((path): Fault => {
        const what = value === undefined ? "not acted on" : `${show(value)} is not acted on`;
        const suggestion = value === undefined ? "leave it out" : undefined;
        const at = value === undefined ? "key" : "value";
        return { code: "EK-NOT-YET", path, at, message: `${what} by this release`, suggestion };
      }),
  );

function annotationFaults(document: unknown): readonly Fault[] {
  const annotations = valueAt(document, ["metadata", "annotations"]);
  if (!isMap(annotations)) return [];
  return Object.keys(annotations)
    .filter((name) => name.startsWith(ANNOTATION_PREFIX))
    .map((name): Fault => {
      const path = ["metadata", "annotations", name];
      if (NOT_YET_ANNOTATIONS.includes(name)) {
        return {
          code: "EK-NOT-YET",
          path,
          at: "key",
          message: "not acted on by this release",
          suggestion: "leave it out",
        };
      }
      const suggestion = didYouMean(name, NOT_YET_ANNOTATIONS);
      return {
        code: "EK-FIELD-UNKNOWN",
        path,
        at: "key",
        message: "unknown annotation of evenkeel",
        suggestion,
      };
    });
}
