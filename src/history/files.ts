import { join } from "node:path";

/** Four files of this many bytes: days to weeks of a fleet's life. */
export const LARGEST_FILE = 8 * 1024 * 1024;

const MOST_FILES = 4;

/** The files of a history, the newest first: `history.jsonl` is written to, `history.jsonl.1` was before it. */
export const filesIn = (directory: string): readonly string[] =>
  Array.from({ length: MOST_FILES }, (_, age) =>
    join(directory, age === 0 ? "history.jsonl" : `history.jsonl.${age}`),
  );

/** What has repeated itself and is not counted in a file yet: written anew as a whole, and only as good as the moment. */
export const latestIn = (directory: string): string => join(directory, "history.latest.jsonl");
