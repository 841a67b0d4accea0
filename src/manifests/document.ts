import type { KindName } from "../api/kinds.gen.ts";
import type { TenantName } from "../api/names.ts";
import type { Fault } from "./fault.ts";
import { type Path, showPath } from "./path.ts";
import type { DocumentKey, Manifest } from "../api/documents.ts";
import type { Problem } from "./revision.ts";
import type { WrittenDocument } from "./written.ts";

/** A document of the tree, with all that was found wrong with it so far. */
export class Document {
  readonly file: string;
  /** Undefined when its kind cannot be told. */
  readonly kind: KindName | undefined;
  /** Undefined when it has no legible name, or stands where its kind does not belong: then it speaks for no object. */
  readonly key: DocumentKey | undefined;
  /** The object as people name it; for messages only. */
  readonly object: string | undefined;
  /** The one tenant that its mistakes may hold; undefined when that cannot be told, and for hypervisors. */
  readonly tenant: TenantName | undefined;
  /** With defaults filled in. Of the shape its kind has except at the ends of {@link unsound}. */
  readonly manifest: Manifest | undefined;
  /** Where its schema does not hold. */
  readonly unsound: readonly Path[];
  readonly #written: WrittenDocument;
  readonly #faults: Fault[];
  #withdrawn: boolean;

  constructor(parts: {
    file: string;
    kind: KindName | undefined;
    key: DocumentKey | undefined;
    object: string | undefined;
    tenant: TenantName | undefined;
    manifest: Manifest | undefined;
    unsound: readonly Path[];
    written: WrittenDocument;
    faults: readonly Fault[];
    /** True when something is wrong with the file that it is in. */
    withdrawn: boolean;
  }) {
    this.file = parts.file;
    this.kind = parts.kind;
    this.key = parts.key;
    this.object = parts.object;
    this.tenant = parts.tenant;
    this.manifest = parts.manifest;
    this.unsound = parts.unsound;
    this.#written = parts.written;
    this.#faults = [...parts.faults];
    this.#withdrawn = parts.withdrawn;
  }

  /** Whether anything keeps it from coming into force. */
  get isBroken(): boolean {
    return this.#withdrawn || this.#faults.some(({ severity }) => severity !== "warning");
  }

  add(fault: Fault): void {
    const same = this.#faults.some(
      ({ path, message }) => message === fault.message && showPath(path) === showPath(fault.path),
    );
    if (!same) this.#faults.push(fault);
  }

  /** Keeps it out of force for something that is said elsewhere. */
  withdraw(): void {
    this.#withdrawn = true;
  }

  /** `provider/t2.yaml:9`, for messages in other documents. */
  cite(path: Path): string {
    return `${this.file}:${this.#written.position(path).line}`;
  }

  /** Where it begins, `tenants/t2/web.yaml:1`. */
  get start(): string {
    return this.cite([]);
  }

  get problems(): readonly Problem[] {
    return this.#faults.map(({ code, path, message, suggestion, severity = "error", at }) => ({
      severity,
      code,
      file: this.file,
      ...this.#written.position(path, at),
      path: showPath(path),
      message,
      ...(suggestion !== undefined && { suggestion }),
      ...(this.object !== undefined && { object: this.object }),
    }));
  }
}
