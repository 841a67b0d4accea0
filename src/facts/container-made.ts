/** What a container was made from, as Docker keeps it: what was asked for, and what its image says by itself. */
export interface ContainerMade {
  readonly image: string;
  readonly command: readonly string[];
  /** `NAME=value`, with the image's own behind what was asked for. */
  readonly env: readonly string[];
  /** Billionths of a CPU; 0 is no limit. */
  readonly nanoCpus: number;
  /** Bytes; 0 is no limit. */
  readonly memory: number;
  /** Undefined when the image is not there any more. */
  readonly ofImage: { readonly command: readonly string[]; readonly env: readonly string[] } | undefined;
}
