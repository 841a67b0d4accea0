/** The way from a document's root to a value in it: field names and list positions. */
export type Path = readonly (string | number)[];

const PLAIN = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** As people read it: `spec.workload.ports[0].name`, `metadata.annotations["evenkeel.dev/prune"]`. */
export const showPath = (path: Path): string =>
  path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return PLAIN.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("")
    .replace(/^\./, "");

/** From a JSON pointer into `root`, which tells list positions from field names. */
export function fromPointer(pointer: string, root: unknown): Path {
  let here = root;
  const steps: (string | number)[] = [];
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const step = Array.isArray(here) ? Number(name) : name;
    steps.push(step);
    here = child(here, step);
  }
  return steps;
}

/** Whether `path` is `start` or leads on from it. */
export const startsWith = (path: Path, start: Path): boolean =>
  start.length <= path.length && start.every((step, index) => path[index] === step);

/** The value one step on; undefined where there is none. Inherited properties are not fields. */
export function child(value: unknown, step: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Reflect.get(value, step);
}

/** The value at the end of the path; undefined where there is none. */
export const valueAt = (root: unknown, path: Path): unknown => path.reduce<unknown>(child, root);

/** Whether the value is a map: neither a list nor a scalar. */
export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Paths in `root` that a pattern such as `spec.standby[].name` stands for. */
export function expand(root: unknown, pattern: string): readonly Path[] {
  let found: readonly Path[] = [[]];
  for (const part of pattern.split(".")) {
    const name = part.replace("[]", "");
    found = found.map((path) => [...path, name]).filter((path) => valueAt(root, path) !== undefined);
    if (!part.endsWith("[]")) continue;
    found = found.flatMap((path) => {
      const list = valueAt(root, path);
      return Array.isArray(list) ? list.map((_item, index) => [...path, index]) : [];
    });
  }
  return found;
}
