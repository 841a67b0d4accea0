import type { ImageCopy, ImageState, ImageStore } from "../hosts/image-store.ts";
import type { Machine } from "./machine.ts";
import { Refused } from "./refused.ts";

/** Does something at once, as if it had been asked of the hypervisor. */
export type Ask = <Answer>(signal: AbortSignal, perform: () => Answer) => Promise<Answer>;

/** The image directory of a machine: files that are what their content says. */
export function simulatedStore({ files, images }: Machine, ask: Ask): ImageStore {
  const content = (file: string): string => {
    const found = files.get(file);
    if (found === undefined) throw new Refused(`${file}: No such file or directory`);
    return found;
  };
  return {
    state: (file, signal) => ask(signal, () => stateOf(files.get(file))),
    read: (file, offset, signal) => ask(signal, () => Buffer.from(content(file).slice(offset))),
    arrived: (copy, signal) => ask(signal, () => files.get(part(copy))?.length ?? 0),
    append: (copy, offset, bytes, signal) =>
      ask(signal, () => {
        files.set(part(copy), (files.get(part(copy)) ?? "").slice(0, offset) + bytes.toString());
      }),
    finish: (copy, signal) =>
      ask(signal, () => {
        const arrived = content(part(copy));
        files.delete(part(copy));
        if (arrived !== copy.sha256) throw new Refused(`${copy.file} arrived as ${arrived}`);
        files.set(copy.file, arrived);
      }),
    save: (image, file, signal) => ask(signal, () => void files.set(file, image)),
    load: (file, signal) => ask(signal, () => void images.set(content(file), `sha256:${content(file)}`)),
    remove: (file, signal) => ask(signal, () => void files.delete(file)),
  };
}

/** Its digest is its content: two are the same when that is. */
const stateOf = (content: string | undefined): ImageState | undefined =>
  content === undefined ? undefined : { bytes: content.length, sha256: content };

const part = ({ file, sha256 }: ImageCopy): string => `.${file}.${sha256}.part`;
