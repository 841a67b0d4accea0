import type { KindName } from "./kinds.gen.ts";

/** The JSON Schema of a manifest or of a part of it, as far as our CRDs use the language. */
export interface Schema {
  /** Completes "must be …" in messages. */
  readonly title?: string;
  readonly description?: string;
  /** More than one only where a number or a text is taken. */
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  /** False: no other fields than `properties`. A schema: the object is a map of such values. */
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  /** `set`: no value twice. `map`: no two items with equal keys. */
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
}

/** A column of `get`. */
interface Column {
  readonly name: string;
  /** integer, number, string or date (shown as an age). */
  readonly type: string;
  /** Kubernetes' JSONPath, relative to the object: `.status.readyReplicas`. */
  readonly jsonPath: string;
  readonly description?: string;
  /** Above 0: shown in wide output only. */
  readonly priority?: number;
}

/** What a kind's CustomResourceDefinition says. */
export interface Definition {
  readonly kind: KindName;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly scope: "Cluster" | "Namespaced";
  readonly columns: readonly Column[];
  readonly schema: Schema;
}
