import type { Condition, Hypervisor, Subnet, SubnetStatus, Tenant } from "../api/kinds.gen.ts";
import type { HypervisorName, ReplicaName, SubnetName, TenantName } from "../api/names.ts";
import type { ReplicaMemory } from "../replicas/memory.ts";

/** An object's metadata as it is shown: with when it came into force. */
type Stamped<Metadata> = Metadata & { readonly creationTimestamp?: string };

export interface HypervisorObject extends Omit<Hypervisor, "metadata"> {
  readonly metadata: Stamped<Hypervisor["metadata"]>;
  /** `replicas` is not there when it was not seen. */
  readonly status: { readonly conditions: readonly Condition[]; readonly replicas?: number };
}

export interface TenantObject extends Omit<Tenant, "metadata"> {
  readonly metadata: Stamped<Tenant["metadata"]>;
  readonly status: {
    readonly conditions: readonly Condition[];
    readonly subnets: number;
    readonly replicas: number;
  };
}

export interface SubnetObject extends Omit<Subnet, "metadata"> {
  readonly metadata: Stamped<Subnet["metadata"]>;
  /** `load` is not there when it is not known, and times are not when nothing is remembered to have happened. */
  readonly status: Required<
    Pick<SubnetStatus, "conditions" | "replicas" | "readyReplicas" | "desiredReplicas">
  > &
    Pick<SubnetStatus, "load" | "lastScaleTime" | "lastScaleOutTime">;
}

/** A replica. No manifest declares one; it is shown in the manner of what manifests declare. */
export interface ReplicaObject {
  readonly apiVersion: "evenkeel.dev/v1alpha1";
  readonly kind: "Replica";
  readonly metadata: Stamped<{ readonly name: ReplicaName; readonly namespace: TenantName }>;
  readonly spec: { readonly subnet: SubnetName; readonly hypervisor: HypervisorName };
  readonly status: {
    readonly conditions: readonly Condition[];
    readonly phase: ReplicaMemory["phase"];
    readonly address: string;
    readonly managementAddress: string;
    readonly incarnation: string;
    readonly container: string;
  };
}

export type FleetObject = HypervisorObject | TenantObject | SubnetObject | ReplicaObject;

/** As Kubernetes writes a time. */
export const timestamp = (milliseconds: number): string => new Date(milliseconds).toISOString();

export const stamp = <Metadata extends object>(
  metadata: Metadata,
  since: number | undefined,
): Stamped<Metadata> =>
  since === undefined ? { ...metadata } : { ...metadata, creationTimestamp: timestamp(since) };
