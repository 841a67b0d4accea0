import { AUTOSCALE_RULES } from "./autoscale.ts";
import { HYPERVISOR_RULES } from "./hypervisors.ts";
import { NETWORK_RULES } from "./networks.ts";
import { OVERLAP_RULES } from "./overlaps.ts";
import { PLACEHOLDER_RULES } from "./placeholders.ts";
import { PORT_RULES } from "./ports.ts";
import { QUOTA_RULES } from "./quota.ts";
import { REPLICA_RULES } from "./replicas.ts";
import type { Rule } from "./rule.ts";
import { RUNTIME_RULES } from "./runtimes.ts";
import { SERVICE_RULES } from "./services.ts";
import { TENANT_RULES } from "./tenants.ts";

/** Everything that must hold across fields and documents, beyond what the kinds' schemas say. */
export const RULES: readonly Rule[] = [
  ...HYPERVISOR_RULES,
  ...PLACEHOLDER_RULES,
  ...TENANT_RULES,
  ...QUOTA_RULES,
  ...NETWORK_RULES,
  ...OVERLAP_RULES,
  ...SERVICE_RULES,
  ...PORT_RULES,
  ...REPLICA_RULES,
  ...RUNTIME_RULES,
  ...AUTOSCALE_RULES,
];
