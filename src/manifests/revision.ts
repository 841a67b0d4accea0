import { type ErrorCode, EvenkeelError } from "../api/errors.ts";
import type { DocumentKey, StoredDocument, TenantManifests } from "../api/documents.ts";
import type { Hypervisor } from "../api/kinds.gen.ts";
import type { FleetName, HypervisorName, TenantName } from "../api/names.ts";

/** The line of a file that a problem is about, to show it with a mark under the offending words. */
export interface Excerpt {
  /** The line as it stands in the file. */
  readonly text: string;
  /** How many characters to mark, from the problem's column on. At least 1. */
  readonly length: number;
}

/** A problem with the manifests: where, what must hold, what was found, what to do. */
export interface Problem {
  /** An error keeps its document from coming into force; a warning does not. */
  readonly severity: "error" | "warning";
  readonly code: ErrorCode;
  /** Relative to the tree. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** The field, `spec.replicas.max`; empty when the problem is with the whole document or file. */
  readonly path: string;
  /** What must hold, and what was found. */
  readonly message: string;
  /** What to do instead: `did you mean "thresholds"?` */
  readonly suggestion?: string;
  /** The object as people name it, `Subnet/t2/web`, where the document tells. */
  readonly object?: string;
  readonly excerpt?: Excerpt;
}

/** The commit that a tree was read at. */
export interface Commit {
  /** Forty hexadecimal digits. */
  readonly hash: string;
  readonly author: string;
  /** First line of the commit's message. */
  readonly subject: string;
  /** Whether the tree holds anything that the commit does not. */
  readonly dirty: boolean;
}

/** One reading of a manifest tree: what is in force, and what is wrong. Everything is sorted by name. */
export interface Revision {
  /** The tree's real path. */
  readonly directory: string;
  /** SHA-256 of the tree's content, hexadecimal: equal digests mean equal manifests. */
  readonly digest: string;
  /** Undefined when the tree is not in a git checkout. */
  readonly commit: Commit | undefined;
  readonly fleet: FleetName;
  readonly hypervisors: ReadonlyMap<HypervisorName, Hypervisor>;
  readonly tenants: ReadonlyMap<TenantName, TenantManifests>;
  /** By file, line and column. */
  readonly problems: readonly Problem[];
  /**
   * False when a provider's file could not be read or parsed and had no last good version, or when the tree was being
   * written: then nothing may be taken for gone.
   */
  readonly complete: boolean;
  /** What to remember as last good: the documents in force. */
  readonly documents: ReadonlyMap<DocumentKey, StoredDocument>;
}

/** No revision could be made of a tree (EK-MANIFESTS); what was found wrong with it comes along. */
export class ManifestsError extends EvenkeelError {
  readonly problems: readonly Problem[];

  constructor(
    message: string,
    problems: readonly Problem[],
    options: { cause?: unknown; fix?: string } = {},
  ) {
    super("EK-MANIFESTS", message, options);
    this.problems = problems;
  }
}
