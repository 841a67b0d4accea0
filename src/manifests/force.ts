import { isDeepStrictEqual } from "node:util";
import { type HypervisorName, type TenantName, trusted } from "../api/names.ts";
import type { Document } from "./document.ts";
import { placeOf } from "./place.ts";
import type { DocumentKey, Manifest, StoredDocument } from "../api/documents.ts";
import type { Finding, Rule } from "./rules/rule.ts";
import { type Candidate, findings } from "./view.ts";

/** What comes of a tree's documents, once broken ones are replaced by their last good versions. */
export interface InForce {
  readonly documents: ReadonlyMap<DocumentKey, StoredDocument>;
  /** Tenants nothing of which may be changed or removed, and why. */
  readonly held: ReadonlyMap<TenantName, string>;
  /** Hypervisors that are declared, but of which no version is in force, and why. */
  readonly lost: ReadonlyMap<HypervisorName, string>;
  readonly complete: boolean;
}

/** What {@link settle} works from. */
export interface Found {
  readonly documents: readonly Document[];
  /** Files and folders of which nothing is known. */
  readonly illegible: readonly string[];
  readonly lastGood: ReadonlyMap<string, StoredDocument>;
  readonly rules: readonly Rule[];
  /** False when more may be declared than was found, because the tree was being written. */
  readonly whole: boolean;
}

/** The object's key, from its own fields. */
const keyOf = ({ kind, metadata }: Manifest): DocumentKey =>
  `${kind}/${"namespace" in metadata ? metadata.namespace : ""}/${metadata.name}`;

const labelOf = (key: DocumentKey): string => key.replace("//", "/");

const current = (document: Document): Candidate | undefined =>
  document.manifest &&
  document.key && {
    key: document.key,
    label: labelOf(document.key),
    object: document.manifest,
    unsound: document.unsound,
    cite: (path) => document.cite(path),
  };

const former = (key: DocumentKey, { file, object }: StoredDocument): Candidate => ({
  key,
  label: labelOf(key),
  object,
  unsound: [],
  cite: () => `${file}, its last good version`,
});

/**
 * Applies the rules (what they find is added to the documents), then decides what is in force: each sound document;
 * for a broken one its last good version, by its key or by its file; where there is none, its tenant is held. What
 * remains is checked again, because last good versions need not agree with what is new beside them.
 */
export function settle({ documents, illegible, lastGood, rules, whole }: Found): InForce {
  const settlement = new Settlement(documents, lastGood, whole);
  for (const path of illegible) settlement.replaceFile(path);
  for (const finding of settlement.check(rules)) settlement.blame(finding);
  settlement.admit();
  for (const document of documents) if (document.isBroken) settlement.replace(document);
  // Each round takes at least one document out or back; the count only bounds mistakes of ours.
  for (let rounds = documents.length * 2 + lastGood.size; rounds > 0; rounds -= 1) {
    const wrong = settlement.recheck(rules);
    if (wrong.length === 0) break;
    for (const finding of wrong) settlement.yieldTo(finding);
  }
  return settlement;
}

class Settlement implements InForce {
  readonly documents = new Map<DocumentKey, StoredDocument>();
  readonly held = new Map<TenantName, string>();
  readonly lost = new Map<HypervisorName, string>();
  complete: boolean;
  readonly #current = new Map<DocumentKey, Document>();
  readonly #lastGood: ReadonlyMap<string, StoredDocument>;
  /** Documents that cannot be helped any further. */
  readonly #given = new Set<DocumentKey>();

  constructor(documents: readonly Document[], lastGood: Found["lastGood"], whole: boolean) {
    this.complete = whole;
    this.#lastGood = lastGood;
    for (const document of documents) {
      if (document.key === undefined) continue;
      const first = this.#current.get(document.key);
      if (first === undefined) {
        this.#current.set(document.key, document);
        continue;
      }
      // Which of the two is meant cannot be known, so neither is taken.
      first.withdraw();
      const message = `must be declared once, found ${document.object} also in ${first.start}`;
      document.add({ code: "EK-DUPLICATE", path: ["metadata", "name"], message });
    }
  }

  /** What the rules say of the documents as they are written. */
  check(rules: readonly Rule[]): readonly Finding[] {
    const candidates = [...this.#current.values()].flatMap((document) => current(document) ?? []);
    return findings(rules, candidates, this.#surroundings);
  }

  /** What the rules still say, as errors, of the documents in force. */
  recheck(rules: readonly Rule[]): readonly Finding[] {
    const candidates = [...this.documents].flatMap(([key, stored]) => {
      const document = this.#current.get(key);
      const isCurrent = document !== undefined && document.manifest === stored.object;
      return (isCurrent ? current(document) : undefined) ?? former(key, stored);
    });
    return findings(rules, candidates, this.#surroundings).filter(
      ({ severity, about }) => severity !== "warning" && !this.#given.has(about),
    );
  }

  get #surroundings() {
    return {
      declared: new Set([...this.#current.keys(), ...this.documents.keys()]),
      complete: this.complete,
    };
  }

  blame({ about, related: _related, ...fault }: Finding): void {
    this.#current.get(about)?.add(fault);
  }

  /** Puts all sound documents into force. */
  admit(): void {
    for (const [key, document] of this.#current) {
      if (!document.isBroken && document.manifest) {
        this.documents.set(key, { file: document.file, object: document.manifest });
      }
    }
  }

  /** Puts the last good version of a broken document into force, or holds what it is about. */
  replace(document: Document): void {
    const { key, file, start } = document;
    if (key !== undefined && this.#restore(key)) return;
    if (this.#restoreFile(file)) return;
    // guard: last good version
    this.#hold(document, `${start} has errors, and no earlier version of it is known`);
  }

  /** The same for a file or folder of which nothing is known. */
  replaceFile(path: string): void {
    if (this.#restoreFile(path)) return;
    const place = placeOf(path);
    const why = `${path} cannot be read, and no earlier version of it is known`;
    // guard: last good version
    if (place.area === "tenant") this.#holdTenant(place.tenant, why);
    // guard: last good version
    if (place.area === "provider") this.complete = false;
  }

  /** Takes back a document in force that does not agree with the others, or those it does not agree with. */
  yieldTo(finding: Finding): void {
    const { about, related = [] } = finding;
    const stored = this.documents.get(about);
    if (stored === undefined || this.#given.has(about)) return;
    for (const key of [about, ...related]) {
      const before = this.#lastGood.get(key);
      const now = this.documents.get(key);
      if (before === undefined || now === undefined || isDeepStrictEqual(before.object, now.object)) continue;
      this.#tell(key, finding);
      this.documents.set(key, before);
      return;
    }
    const document = this.#current.get(about);
    const why = `${labelOf(about)} does not fit with the rest: ${finding.message}`;
    if (document !== undefined && document.manifest === stored.object && !this.#lastGood.has(about)) {
      this.#tell(about, finding);
      this.documents.delete(about);
    }
    this.#given.add(about);
    this.#holdObject(stored.object, why);
  }

  /** Says at a current document why it is not in force. */
  #tell(key: DocumentKey, { about, related: _related, ...fault }: Finding): void {
    const document = this.#current.get(key);
    if (document === undefined) return;
    if (key === about) document.add(fault);
    else
      document.add({
        code: fault.code,
        path: [],
        message: `must fit with ${labelOf(about)}: there, ${fault.message}`,
      });
  }

  #restore(key: DocumentKey): boolean {
    const before = this.#lastGood.get(key);
    // guard: last good version
    if (before !== undefined && !this.documents.has(key)) this.documents.set(key, before);
    return before !== undefined;
  }

  /** Restores what a file, or the files beneath a folder, declared last and nothing declares now. */
  #restoreFile(path: string): boolean {
    const found = [...this.#lastGood.values()].filter(
      ({ file, object }) =>
        (file === path || file.startsWith(`${path}/`)) && !this.#current.has(keyOf(object)),
    );
    for (const stored of found) this.documents.set(keyOf(stored.object), stored);
    return found.length > 0;
  }

  #hold({ kind, tenant, file, key }: Document, why: string): void {
    const name = key?.split("/")[2];
    if (tenant !== undefined) this.#holdTenant(tenant, why);
    else if (kind === "Hypervisor" && name !== undefined) this.lost.set(trusted(name), why);
    else if (placeOf(file).area === "provider") this.complete = false;
  }

  #holdObject(object: Manifest, why: string): void {
    if (object.kind === "Hypervisor") this.lost.set(object.metadata.name, why);
    else this.#holdTenant(object.kind === "Tenant" ? object.metadata.name : object.metadata.namespace, why);
  }

  #holdTenant(tenant: TenantName, why: string): void {
    if (!this.held.has(tenant)) this.held.set(tenant, why);
  }
}
