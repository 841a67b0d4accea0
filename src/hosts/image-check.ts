import type { FleetName, HypervisorName, SubnetName } from "../api/names.ts";
import type { PlanEntry } from "../plan/plan.ts";
import { type Failure, failureOf } from "./failure.ts";
import type { Host } from "./host.ts";
import { containerImage, machineImages } from "./image-request.ts";
import type { ImageRequest, Images, PullPolicy } from "./images.ts";

/** What an image must be, and how and from where it may be fetched. */
export interface ImageRules {
  readonly policy: PullPolicy;
  /** `sha256:…`; undefined for any. */
  readonly checksum: string | undefined;
  /** The tenant's hypervisors that were seen: its home first, last those that it leaves. */
  readonly order: readonly HypervisorName[];
}

/** What it takes to know whether images are there, and to fetch them. */
export interface ImageOptions {
  readonly fleet: FleetName;
  readonly hosts: ReadonlyMap<HypervisorName, Host>;
  readonly images: Images;
  readonly imageRules: (subnet: SubnetName | undefined) => ImageRules;
  readonly signal: AbortSignal;
}

/** Workloads whose image is not there, by name, and what is being done about it; those for which it is not to be had are failures. */
export async function withoutImage(
  entries: readonly PlanEntry[],
  options: ImageOptions,
  failures: Failure[],
): Promise<ReadonlyMap<string, string>> {
  const absent = new Map<string, string>();
  await Promise.all(
    entries.flatMap((entry) =>
      imagesOf(entry, options).map(async (request) => {
        const { hypervisor, name } = entry;
        try {
          const standing = await options.images.standing(request, options.signal);
          if (standing.state === "ready") return;
          const { image } = request;
          if (standing.state === "missing") {
            absent.set(name, standing.message);
            failures.push({ hypervisor, name, reason: "ImageMissing", message: standing.message });
          } else
            absent.set(
              name,
              `image ${image}, which is being fetched${standing.progress ? `: ${standing.progress}` : ""}`,
            );
        } catch (error) {
          absent.set(name, "");
          failures.push(failureOf(hypervisor, name, error));
        }
      }),
    ),
  );
  return absent;
}

/** The tenant's other hypervisors, its home first. */
export const othersOf = (
  { name: own }: Host,
  subnet: SubnetName | undefined,
  { hosts, imageRules }: Pick<ImageOptions, "hosts" | "imageRules">,
): Host[] => imageRules(subnet).order.flatMap((name) => (name === own ? [] : (hosts.get(name) ?? [])));

/** The images that an entry needs where it is. */
function imagesOf({ hypervisor, subnet, operations }: PlanEntry, options: ImageOptions): ImageRequest[] {
  const { hosts, fleet, imageRules } = options;
  const host = hosts.get(hypervisor);
  if (!host) return [];
  const { policy, checksum } = imageRules(subnet);
  const places = { fleet, host, others: othersOf(host, subnet, options), policy };
  return operations.flatMap((one) => {
    if (one.tool === "engine") return [containerImage(one.request, places, checksum)];
    return one.tool === "domain-start" ? machineImages(one.request, places) : [];
  });
}
