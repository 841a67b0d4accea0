import { EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import type { ContainerRequest, DomainRequest } from "../resources/operation.ts";
import type { Host } from "./host.ts";
import { copyImage, type Progress } from "./image-copy.ts";
import type { ImageState, ImageStore } from "./image-store.ts";
import type { ImageRequest, PullPolicy } from "./images.ts";

/** Where an image is needed, and where it may be. */
export interface ImagePlaces {
  readonly fleet: FleetName;
  readonly host: Host;
  /** The tenant's other hypervisors, its home first. */
  readonly others: readonly Host[];
  readonly policy: PullPolicy;
}

/**
 * The image of a container: what Docker has there. Where it has not, one of the tenant's other hypervisors gives it, and
 * where none of them has it, Docker fetches it from where its name says.
 * @param checksum the id that it must have, `sha256:…`; undefined for any
 */
export function containerImage(
  { image, name }: ContainerRequest,
  { fleet, host, others, policy }: ImagePlaces,
  checksum: string | undefined,
): ImageRequest {
  return {
    hypervisor: host.name,
    image,
    policy,
    workload: name,
    async check(signal) {
      const id = await host.containers.imageId(image, signal);
      if (id === undefined) return "absent";
      if (checksum === undefined || id === checksum) return "there";
      return { wrong: `image ${image} is ${id} on ${host.name}, and must be ${checksum}` };
    },
    async fetch(progress, signal) {
      for (const other of policy === "Always" ? [] : others) {
        const id = await other.containers.imageId(image, signal).catch(unlessUnknown);
        if (id === undefined || (checksum !== undefined && id !== checksum)) continue;
        return await copyContainerImage(
          { image, id, from: other.images(fleet), to: host.images(fleet) },
          progress,
          signal,
        );
      }
      await host.containers.pull(image, signal);
    },
  };
}

/** By way of a file at both ends, so that it can be gone on with and proved like any other. */
async function copyContainerImage(
  { image, id, from, to }: { image: string; id: string; from: ImageStore; to: ImageStore },
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const file = `docker-${id.replace(/^sha256:/, "").slice(0, 32)}.tar`;
  if (!(await from.state(file, signal))) await from.save(image, file, signal);
  await copyImage(file, { from, to }, progress, signal);
  await to.load(file, signal);
  await Promise.all([from.remove(file, signal), to.remove(file, signal)]);
}

/** The files that a virtual machine is made of, each a request of its own. */
export function machineImages(request: DomainRequest, places: ImagePlaces): ImageRequest[] {
  const { image, checksum, kernel, name } = request;
  const files = [
    ...(image === undefined ? [] : [{ file: image, checksum }]),
    ...(kernel ? [{ file: kernel.image, checksum: undefined }] : []),
    ...(kernel?.initrd === undefined ? [] : [{ file: kernel.initrd, checksum: undefined }]),
  ];
  return files.map((one) => fileRequest(name, one, places));
}

function fileRequest(
  workload: string,
  { file, checksum }: { file: string; checksum: string | undefined },
  { fleet, host, others, policy }: ImagePlaces,
): ImageRequest {
  const wrong = ({ sha256, trouble }: ImageState, { name }: Host): string | undefined => {
    if (trouble !== undefined) return `image ${file} on ${name} ${trouble}`;
    if (checksum === undefined || sha256 === checksum) return undefined;
    return `image ${file} is sha256:${sha256} on ${name}, and must be sha256:${checksum}`;
  };
  return {
    hypervisor: host.name,
    image: file,
    policy,
    workload,
    async check(signal) {
      const state = await host.images(fleet).state(file, signal);
      if (!state) return "absent";
      const why = wrong(state, host);
      return why === undefined ? "there" : { wrong: why };
    },
    async fetch(progress, signal) {
      const troubles: string[] = [];
      for (const other of others) {
        const state = await other.images(fleet).state(file, signal).catch(unlessUnknown);
        const why = state ? wrong(state, other) : `it is not on ${other.name}`;
        if (state && why === undefined)
          return await copyImage(
            file,
            { from: other.images(fleet), to: host.images(fleet) },
            progress,
            signal,
          );
        if (why !== undefined) troubles.push(why);
      }
      const where = [`it is not on ${host.name}`, ...troubles].join(", ");
      throw new EvenkeelError("EK-CHANGE-FAILED", `image ${file} is not to be had: ${where}`, {
        fix: `put it into the fleet's images directory on ${others[0]?.name ?? host.name}`,
      });
    },
  };
}

/** One that cannot be asked has nothing to give. */
function unlessUnknown(error: unknown): undefined {
  if (error instanceof EvenkeelError) return undefined;
  throw error;
}
