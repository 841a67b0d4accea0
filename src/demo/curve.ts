import { readFile } from "node:fs/promises";
import { codeOf, EvenkeelError } from "../api/errors.ts";
import type { Fault } from "../manifests/fault.ts";
import { didYouMean } from "../manifests/nearest.ts";
import { parseFile } from "../manifests/parse.ts";
import { show } from "../manifests/sentences.ts";
import { child, isMap, type Path, showPath } from "../manifests/path.ts";
import type { Problem } from "../manifests/revision.ts";

/** How much is asked for at a moment. */
export interface LoadPoint {
  /** Seconds since the curve began. */
  readonly at: number;
  /** CPUs. */
  readonly cpus: number;
}

/** The longest curve, in seconds. */
const LONGEST = 600;
/** The most that can be asked for, in CPUs. */
const MOST = 100;
const FIELDS = { at: LONGEST, cpus: MOST } as const;

/** What the load is at any moment: straight lines from one point to the next, and level after the last. */
export class LoadCurve {
  readonly #points: readonly LoadPoint[];

  /** @param points one at least, each later than the one before */
  constructor(points: readonly LoadPoint[]) {
    this.#points = points;
  }

  /** When the last point is reached. */
  get seconds(): number {
    return this.#points.at(-1)?.at ?? 0;
  }

  cpusAt(second: number): number {
    const next = this.#points.findIndex(({ at }) => at > second);
    const to = this.#points.at(next);
    const from = next > 0 ? this.#points[next - 1] : to;
    if (!from || !to) return 0;
    const share = next > 0 ? (second - from.at) / (to.at - from.at) : 0;
    return from.cpus + share * (to.cpus - from.cpus);
  }
}

/**
 * Reads a curve from a YAML file; undefined, with all that is wrong with it, where it is none.
 * @throws EvenkeelError EK-USAGE when the file cannot be read
 */
export async function readCurve(
  path: string,
): Promise<{ readonly curve: LoadCurve | undefined; readonly problems: readonly Problem[] }> {
  const content = await readFile(path).catch((error: unknown) => {
    const message = `the load curve ${path} cannot be read: ${codeOf(error)}`;
    throw new EvenkeelError("EK-USAGE", message, { cause: error, fix: "see reconcile demo --help" });
  });
  const { documents = [], problems } = parseFile({ path, content });
  const [document] = documents;
  if (!document) return { curve: undefined, problems };
  const faults = [...document.faults, ...faultsOf(document.value)];
  const found = faults
    .map(
      ({ code, path: where, message, suggestion, at }): Problem => ({
        severity: "error",
        code,
        file: path,
        ...document.position(where, at),
        path: showPath(where),
        message,
        ...(suggestion !== undefined && { suggestion }),
      }),
    )
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (problems.length + found.length > 0) return { curve: undefined, problems: [...problems, ...found] };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has just been seen to be so
  return { curve: new LoadCurve((document.value as { load: LoadPoint[] }).load), problems: [] };
}

function faultsOf(value: unknown): readonly Fault[] {
  if (!isMap(value)) return [invalid([], `must be a map with load in it, found ${show(value)}`)];
  const { load } = value;
  if (!Array.isArray(load) || load.length === 0)
    return [...unknownFields(value, [], ["load"]), invalid(["load"], "must be a list of points, {at, cpus}")];
  return [
    ...unknownFields(value, [], ["load"]),
    ...load.flatMap((point: unknown, index) => pointFaults(point, child(load, index - 1), index)),
  ];
}

function pointFaults(point: unknown, before: unknown, index: number): readonly Fault[] {
  const path = ["load", index];
  if (!isMap(point)) return [invalid(path, `must be a point, {at, cpus}; found ${show(point)}`)];
  const faults = Object.entries(FIELDS).flatMap(([field, most]): readonly Fault[] => {
    const found = point[field];
    if (found === undefined)
      return [{ code: "EK-FIELD-MISSING", path: [...path, field], message: "must be given" }];
    const isFine = typeof found === "number" && found >= 0 && found <= most;
    return isFine
      ? []
      : [invalid([...path, field], `must be a number from 0 to ${most}, found ${show(found)}`)];
  });
  const [earlier, at] = [child(before, "at"), point["at"]];
  const isLater = typeof earlier !== "number" || typeof at !== "number" || at > earlier || at < 0;
  const order = isLater
    ? []
    : [invalid([...path, "at"], `must be more than ${earlier}, the one before; found ${at}`)];
  return [...unknownFields(point, path, Object.keys(FIELDS)), ...faults, ...order];
}

const unknownFields = (value: object, path: Path, known: readonly string[]): readonly Fault[] =>
  Object.keys(value)
    .filter((field) => !known.includes(field))
    .map((field) => ({
      code: "EK-FIELD-UNKNOWN",
      path: [...path, field],
      at: "key",
      message: "unknown field",
      suggestion: didYouMean(field, known),
    }));

const invalid = (path: Path, message: string): Fault => ({ code: "EK-FIELD-INVALID", path, message });
