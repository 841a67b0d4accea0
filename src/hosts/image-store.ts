import { EvenkeelError } from "../api/errors.ts";
import type { FleetName } from "../api/names.ts";
import { imageDirectory } from "./domain-script.ts";
import type { Shell } from "./shell.ts";

/** Seconds for one step of a copy, and for what reads a whole image. */
const STEP_SECONDS = 60;
const WHOLE_SECONDS = 600;

/** Bytes that travel at once: some are read while those before them are written. */
export const PIECE = 4 * 1024 * 1024;

/** A file of the image directory that is whole. */
export interface ImageState {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** Why no machine may be made of it all the same. */
  readonly trouble?: string;
}

/** A file on its way to where it is not: what it is, and what it will be. */
export interface ImageCopy extends ImageState {
  readonly file: string;
}

/**
 * The image directory of a fleet on one hypervisor. All calls reject with an EvenkeelError: EK-HOST-UNREACHABLE, EK-HOST-KEY,
 * or EK-CHANGE-FAILED with what the hypervisor said.
 */
export interface ImageStore {
  /** A file that is whole, or undefined. What was read of it once is remembered there as long as it is the same. */
  state(file: string, signal: AbortSignal): Promise<ImageState | undefined>;
  /** At most {@link PIECE} bytes from there on. */
  read(file: string, offset: number, signal: AbortSignal): Promise<Buffer>;
  /** How many bytes of a copy came here before: it goes on from there. */
  arrived(copy: ImageCopy, signal: AbortSignal): Promise<number>;
  /** Puts bytes at their place in a copy; what lay behind it is gone. */
  append(copy: ImageCopy, offset: number, bytes: Buffer, signal: AbortSignal): Promise<void>;
  /** Gives a copy its name, if it is what it is to be; else it is gone, and begins anew. */
  finish(copy: ImageCopy, signal: AbortSignal): Promise<void>;
  /** Writes one of Docker's images into a file, and takes it from one. */
  save(image: string, file: string, signal: AbortSignal): Promise<void>;
  load(file: string, signal: AbortSignal): Promise<void>;
  remove(file: string, signal: AbortSignal): Promise<void>;
}

/** What a file's name may be made of, which stands in scripts; the schema holds manifests to it. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Docker's references likewise. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/;

/** A hypervisor's image directory, by scripts over its one connection. */
export class ShellImageStore implements ImageStore {
  readonly #shell: Shell;
  readonly #directory: string;

  constructor(shell: Shell, fleet: FleetName) {
    this.#shell = shell;
    this.#directory = imageDirectory(fleet);
  }

  async state(file: string, signal: AbortSignal): Promise<ImageState | undefined> {
    const said = await this.#run(`${this.#enter}f=${word(file)}\n${STATE}`, WHOLE_SECONDS, signal);
    const [bytes, sha256, ...trouble] = said.trim().split(" ");
    if (!bytes || !sha256) return undefined;
    return { bytes: Number(bytes), sha256, ...(trouble.length > 0 && { trouble: trouble.join(" ") }) };
  }

  async read(file: string, offset: number, signal: AbortSignal): Promise<Buffer> {
    const script = `${this.#enter}tail -c +${offset + 1} ${word(file)} | head -c ${PIECE} | base64 -w 0`;
    return Buffer.from(await this.#run(script, STEP_SECONDS, signal), "base64");
  }

  async arrived(copy: ImageCopy, signal: AbortSignal): Promise<number> {
    const script = `${this.#enter}stat -c %s ${partOf(copy)} 2>/dev/null || echo 0
free=$(df -Pk . | awk 'NR == 2 { print $4 }'); echo "$free"`;
    const [arrived = 0, free = 0] = (await this.#run(script, STEP_SECONDS, signal)).split("\n").map(Number);
    const missing = copy.bytes - arrived;
    if (missing > free * 1024)
      throw this.#failed(
        `${copy.file} needs ${megabytes(missing)} MB, and ${megabytes(free * 1024)} MB are free`,
      );
    return Math.min(arrived, copy.bytes);
  }

  async append(copy: ImageCopy, offset: number, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const script = `${this.#enter}truncate -s ${offset} ${partOf(copy)}
base64 -d >> ${partOf(copy)} <<'EOF'
${bytes.toString("base64")}
EOF`;
    await this.#run(script, STEP_SECONDS, signal);
  }

  async finish(copy: ImageCopy, signal: AbortSignal): Promise<void> {
    const { file, sha256 } = copy;
    const part = partOf(copy);
    const script = `${this.#enter}sum=$(sha256sum < ${part}); sum=\${sum%% *}
if [ "$sum" = ${sha256} ]; then chmod 644 ${part} && mv ${part} ${word(file)}
else rm ${part}; echo "${word(file)} arrived as $sum, not as ${sha256}; it begins anew" >&2; exit 1; fi`;
    await this.#run(script, WHOLE_SECONDS, signal);
  }

  async save(image: string, file: string, signal: AbortSignal): Promise<void> {
    const script = `${this.#enter}docker save -o ${word(file)}.new ${word(image, REFERENCE)} && mv ${word(file)}.new ${word(file)}`;
    await this.#run(script, WHOLE_SECONDS, signal);
  }

  async load(file: string, signal: AbortSignal): Promise<void> {
    await this.#run(`${this.#enter}docker load -q -i ${word(file)} >/dev/null`, WHOLE_SECONDS, signal);
  }

  async remove(file: string, signal: AbortSignal): Promise<void> {
    await this.#run(`${this.#enter}rm -f ${word(file)} .${word(file)}.sum`, STEP_SECONDS, signal);
  }

  /** QEMU, which runs as a user of its own, has to get through. */
  get #enter(): string {
    const directory = this.#directory;
    return `export LC_ALL=C; umask 077
mkdir -p ${directory} && chmod 711 ${directory} ${directory.replace(/\/images$/, "")} && cd ${directory} || exit 1
`;
  }

  async #run(script: string, deadlineSeconds: number, signal: AbortSignal): Promise<string> {
    const { state, code, stdout, stderr } = await this.#shell.run(script, { deadlineSeconds, signal });
    if (state === "ended" && code === 0) return stdout;
    throw this.#failed(stderr.trim().slice(0, 300) || `exit ${code ?? "unknown"}`);
  }

  #failed(said: string): EvenkeelError {
    return new EvenkeelError("EK-CHANGE-FAILED", `${this.#shell.name}: images: ${said}`);
  }
}

/**
 * Prints size and SHA-256 of the file $f, and what speaks against it. An image that another file stands behind would show that
 * file of the hypervisor's to its guest.
 */
const STATE = `[ -f "$f" ] || exit 0
stamp=$(stat -c '%s %.9Y %i' "$f") known= sum=
[ ! -e ".$f.sum" ] || read -r sum known < ".$f.sum"
if [ "$known" != "$stamp" ]; then
  sum=$(sha256sum < "$f") || exit 1
  sum=\${sum%% *}
  echo "$sum $stamp" > ".$f.sum.$$" && mv ".$f.sum.$$" ".$f.sum"
fi
trouble=
case $f in *.qcow2)
  qemu-img info -U --output=json -f qcow2 "$f" > ".$f.info.$$" 2>&1 || trouble="is no qcow2 image"
  # guard: tenant boundary
  if grep -qE '"(backing-filename|data-file)"' ".$f.info.$$"; then trouble="has another file behind it, which is not allowed"; fi
  rm -f ".$f.info.$$";;
esac
echo "\${stamp%% *} $sum \${trouble}"`;

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

/** What has arrived of a copy. Its name tells what it is to be, so that a changed image never goes on from an old part. */
const partOf = ({ file, sha256 }: ImageCopy): string => `.${word(file)}.${word(sha256.slice(0, 12))}.part`;

function word(text: string, form = NAME): string {
  // guard: no manifest text in a shell
  if (form.test(text)) return text;
  throw new EvenkeelError("EK-FIELD-INVALID", `${JSON.stringify(text)} is no name of an image`);
}
