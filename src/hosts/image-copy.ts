import { EvenkeelError } from "../api/errors.ts";
import type { ImageCopy, ImageStore } from "./image-store.ts";

/** Told how far something is: bytes that are there, of how many. */
export type Progress = (arrived: number, of: number) => void;

/**
 * Copies a file from one hypervisor to another, through this controller's two connections: neither ever has a key to the
 * other. What arrived before is not sent again; it is there in whole, and what it should be, or not at all.
 */
export async function copyImage(
  file: string,
  { from, to }: { readonly from: ImageStore; readonly to: ImageStore },
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const state = await from.state(file, signal);
  if (!state) throw new EvenkeelError("EK-CHANGE-FAILED", `${file} is not there any more`);
  const copy: ImageCopy = { file, ...state };
  let offset = await to.arrived(copy, signal);
  let next = readFrom(offset);
  while (offset < copy.bytes) {
    progress(offset, copy.bytes);
    const bytes = await next;
    if (bytes.length === 0) throw new EvenkeelError("EK-CHANGE-FAILED", `${file} became shorter meanwhile`);
    const here = offset;
    offset += bytes.length;
    next = readFrom(offset);
    await Promise.all([to.append(copy, here, bytes, signal), next]);
  }
  await to.finish(copy, signal);

  function readFrom(at: number): Promise<Buffer> {
    return at < copy.bytes ? from.read(file, at, signal) : Promise.resolve(Buffer.alloc(0));
  }
}
