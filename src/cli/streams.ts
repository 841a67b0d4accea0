import { resolve } from "node:path";
import { DEFAULT_DIRECTORY } from "./options.ts";

/** What a reader has to add to a command so that it works on the same manifests: nothing for the default. */
export const sameDirectory = (directory: string): string =>
  resolve(directory) === resolve(DEFAULT_DIRECTORY) ? "" : ` ${directory}`;

/** Notes, progress and problems: everything that is not the answer. */
export const tell = (text: string): void => {
  process.stderr.write(text);
};

/** The answer. */
export const answer = (text: string): void => {
  process.stdout.write(text);
};

/** A value for programs. */
export const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
