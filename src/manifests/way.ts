import { type FSWatcher, watch } from "node:fs";
import { readlink } from "node:fs/promises";
import { dirname, join, parse, relative, resolve, sep } from "node:path";
import { asError, codeOf } from "../api/errors.ts";

/** A name in a folder. What it stands for decides where a path leads. */
interface Step {
  readonly folder: string;
  readonly name: string;
}

/** As many as the kernel follows. */
const MOST_LINKS = 40;

/** Every name on the way to a path, those behind symbolic links too. What does not exist is on the way all the same. */
async function stepsTo(path: string): Promise<readonly Step[]> {
  const steps: Step[] = [];
  let links = 0;
  let here = parse(resolve(path)).root;
  const ahead = relative(here, resolve(path)).split(sep);
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      here = dirname(here);
      continue;
    }
    const full = join(here, name);
    steps.push({ folder: here, name });
    // Each step begins where the one before has led.
    // oxlint-disable-next-line no-await-in-loop
    const target = await readlink(full).catch(() => undefined);
    if (target === undefined) here = full;
    else {
      links += 1;
      if (links > MOST_LINKS) break;
      if (target.startsWith(sep)) here = parse(full).root;
      ahead.unshift(...target.split(sep));
    }
  }
  return steps;
}

/**
 * Watches every name on the way to a path: that a link is pointed elsewhere, that a folder goes or comes. A folder that
 * does not exist is not watched; its own name is, one folder above. Resolves to what ends it.
 */
export async function watchWay(
  path: string,
  onChange: () => void,
  onTrouble: (error: Error) => void,
): Promise<() => void> {
  const watchers: FSWatcher[] = [];
  const steps = await stepsTo(path);
  for (const { folder, name } of steps) {
    try {
      const watcher = watch(folder, (_event, changed) => {
        if (changed === null || changed === name) onChange();
      });
      watchers.push(watcher.on("error", onTrouble));
    } catch (error) {
      if (!["ENOENT", "ENOTDIR"].includes(codeOf(error))) onTrouble(asError(error));
    }
  }
  // It may have led elsewhere before all of it was watched.
  if (JSON.stringify(await stepsTo(path)) !== JSON.stringify(steps)) onChange();
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}
