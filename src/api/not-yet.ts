import type { KindName } from "./kinds.gen.ts";

/** A field, or one value of a field, that the kinds have and this release does not act on. */
export interface NotYet {
  /** `spec.workload.env[].valueFrom`; `[]` stands for every item of a list. */
  readonly path: string;
  /** Only this value is refused; without it the field is. */
  readonly value?: string;
}

/**
 * The one list of what this release does not act on. It is refused where it is written (EK-NOT-YET), never accepted and
 * ignored; the defaults of these fields change nothing. A feature comes by taking its line away.
 */
export const NOT_YET: Readonly<Record<KindName, readonly NotYet[]>> = {
  Hypervisor: [],
  Tenant: [{ path: "spec.bastion" }],
  Subnet: [{ path: "spec.workload.env[].valueFrom" }],
};

/** What evenkeel's own annotations begin with; others are the writer's own and mean nothing to it. */
export const ANNOTATION_PREFIX = "evenkeel.dev/";

/** Annotations with a meaning to come; refused likewise. */
export const NOT_YET_ANNOTATIONS: readonly string[] = ["previous-name", "prune", "adopt"].map(
  (name) => ANNOTATION_PREFIX + name,
);
