import type { ContainerMade } from "../../facts/container-made.ts";
import type { DomainMade } from "../../facts/domain-made.ts";
import type { Kernel, Workload } from "../../api/kinds.gen.ts";
import { specHashOf } from "../../replicas/spec.ts";

/** What a manifest would say of a subnet's replicas. */
export type ShownWorkload =
  | {
      readonly runtime: "libvirt";
      readonly image: string | undefined;
      readonly kernel: Kernel | undefined;
      readonly resources: { readonly cpu: string; readonly memory: string };
      readonly isProved: boolean;
    }
  | {
      readonly runtime: "docker";
      readonly image: string;
      readonly command: readonly string[] | undefined;
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly resources: { readonly cpu: string; readonly memory: string };
      /** Whether it is exactly what they were made from, as their mark proves; if not, they would be rolled. */
      readonly isProved: boolean;
    };

/**
 * What a container's manifest said. Docker adds the image's own command and environment to what was asked for, so there is
 * more than one answer; the digest in the mark tells which is right.
 */
export function workloadOf(shown: ContainerMade, specHash: string): ShownWorkload {
  const { image, nanoCpus, memory, ofImage } = shown;
  const resources = { cpu: cpuText(nanoCpus), memory: memoryText(memory) };
  const isOfImage = (line: string): boolean => ofImage?.env.includes(line) ?? false;
  const written = shown.env.filter((line) => !isOfImage(line));
  const isOwnCommand = JSON.stringify(shown.command) === JSON.stringify(ofImage?.command);
  const commands = isOwnCommand ? [undefined, shown.command] : [shown.command];
  // Somebody may have written what the image says anyway; that stands before the rest.
  const environments = Array.from({ length: shown.env.length - written.length + 1 }, (_, more) =>
    more === 0 ? written : shown.env.slice(0, written.length + more),
  );
  const guesses = commands.flatMap((command) =>
    environments.map((lines) => ({
      image,
      command: command?.length === 0 ? undefined : command,
      env: lines.map(variable),
      resources,
    })),
  );
  const proved = guesses.find((guess) => hashOf(guess) === specHash);
  const [likely] = guesses;
  const guess = proved ?? likely ?? { image, command: undefined, env: [], resources };
  return { runtime: "docker", ...guess, isProved: proved !== undefined };
}

/** What a virtual machine's manifest said; the user data that it was given is not read back. */
export function machineOf({ image, kernel, nanoCpus, memory }: DomainMade, specHash: string): ShownWorkload {
  const guess = {
    image,
    kernel: kernel && {
      image: kernel.image,
      ...(kernel.initrd !== undefined && { initrd: kernel.initrd }),
      arguments: kernel.arguments,
    },
    resources: { cpu: cpuText(nanoCpus), memory: memoryText(memory) },
  };
  const hash = specHashOf({
    workload: {
      ...UNHASHED,
      runtime: "libvirt",
      env: [],
      resources: guess.resources,
      ...(image !== undefined && { image }),
      ...(guess.kernel && { kernel: guess.kernel }),
    },
  });
  return { runtime: "libvirt", ...guess, isProved: hash === specHash };
}

const variable = (line: string): { name: string; value: string } => {
  const at = line.indexOf("=");
  return { name: line.slice(0, at), value: line.slice(at + 1) };
};

interface Guess extends Pick<Workload, "env"> {
  readonly image: string;
  readonly command: readonly string[] | undefined;
  readonly resources: Workload["resources"];
}

/** The fields that are not in the digest. */
const UNHASHED = { ports: [], imagePullPolicy: "IfNotPresent", startSeconds: 300 } as const;

/** The digest of what a container's replica is made from. */
const hashOf = ({ command, ...guess }: Guess): string =>
  specHashOf({
    workload: {
      runtime: "docker",
      ...UNHASHED,
      ...guess,
      ...(command !== undefined && { command }),
    },
  });

/** `500m` of 500 million billionths. */
const cpuText = (nanoCpus: number): string => `${Math.round(nanoCpus / 1_000_000)}m`;

/** `64Mi` where it is a whole number of those, else bytes. */
const memoryText = (bytes: number): string =>
  bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20}Mi` : String(bytes);
