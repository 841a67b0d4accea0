import type { SubnetName, TenantName } from "../api/names.ts";
import type { StageName } from "../autoscale/decision.ts";
import { citeFields } from "../manifests/cite.ts";
import type { Path } from "../manifests/path.ts";
import type { Revision } from "../manifests/revision.ts";

/** What each stage goes by in a subnet's document; a quota is the tenant's. */
const FIELDS: readonly (readonly [StageName, Path])[] = [
  ["window", ["spec", "autoscale", "thresholds"]],
  ["cooldown", ["spec", "autoscale", "cooldownSeconds"]],
  ["mode", ["spec", "autoscale", "mode"]],
  ["pause", ["spec", "autoscale", "pause"]],
  ["bounds", ["spec", "replicas"]],
];

/** Where what each stage goes by is written now, as far as it can be found. */
export async function placesOf(
  { documents, directory }: Revision,
  { tenant, subnet }: { readonly tenant: TenantName; readonly subnet: SubnetName },
): Promise<Partial<Record<StageName, string>>> {
  const own = documents.get(`Subnet/${tenant}/${subnet}`);
  const owner = documents.get(`Tenant//${tenant}`);
  const [fields, quota] = await Promise.all([
    own
      ? citeFields(
          directory,
          own,
          FIELDS.map(([, path]) => path),
        )
      : [],
    owner ? citeFields(directory, owner, [["spec", "quota"]]) : [],
  ]);
  const places = FIELDS.map(([stage], index) => [stage, fields[index]] as const);
  return Object.fromEntries(
    [...places, ["quota", quota[0]] as const].filter(([, place]) => place !== undefined),
  );
}
