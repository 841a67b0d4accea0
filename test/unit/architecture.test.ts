import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "@jest/globals";

/** From top to bottom: a room imports only from rooms below it. */
const ROOMS = [
  "main.ts",
  "cli",
  "demo",
  "daemon",
  "server",
  "controllers",
  "engine",
  "simulated",
  "hosts",
  "ledger",
  "history",
  "manifests",
  "load",
  "status",
  "plan",
  "desired",
  "replicas",
  "autoscale",
  "resources",
  "facts",
  "telemetry",
  "clock",
  "api",
];

/** Packages that one room alone may use, so that it alone has to know their ways. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  "node-ssh": ["hosts"],
  ssh2: ["hosts"],
  dockerode: ["hosts"],
  yaml: ["manifests", "cli"],
  ajv: ["manifests"],
  chokidar: ["manifests"],
  immer: ["plan"],
  pino: ["telemetry"],
  "prom-client": ["telemetry"],
  "ip-address": ["api"],
  canonicalize: ["api"],
  commander: ["main.ts", "cli"],
  "write-file-atomic": ["ledger", "manifests"],
};

/** Rooms without input or output: the same answer for the same question, always. */
const PURE = ["plan", "desired", "replicas", "autoscale", "resources", "facts", "status", "load", "engine"];

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
  readonly isType: boolean;
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".d.ts"),
);
const roomOf = (file: string): string => file.split("/")[0] ?? "";
const imports: Import[] = files.flatMap((file) =>
  [
    ...readFileSync(join("src", file), "utf8").matchAll(
      /^\s*(?:import|export)\s+(type\s)?[^;"]*?from\s+"([^"]+)"|import\("([^"]+)"\)/gm,
    ),
  ].map(([, type, target, dynamic]) => ({
    file,
    room: roomOf(file),
    target: target ?? dynamic ?? "",
    isType: type !== undefined,
  })),
);
const local = imports
  .filter(({ target }) => target.startsWith("."))
  .map((one) => ({ ...one, to: roomOf(normalize(join(dirname(one.file), one.target))) }));

describe("the rooms", () => {
  test("are all known", () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !ROOMS.includes(room))).toEqual([]);
  });

  test("import only what is below them", () => {
    const upward = local.filter(({ room, to }) => ROOMS.indexOf(to) < ROOMS.indexOf(room));
    expect(upward.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("and their files have no circles, not even of types alone", () => {
    // What imports nothing that is left, and what nothing left imports, is taken away, again and again.
    let left = local.map(({ file, target }) => ({ file, on: normalize(join(dirname(file), target)) }));
    for (let before = Infinity; left.length < before; ) {
      before = left.length;
      const [above, below] = [new Set(left.map(({ file }) => file)), new Set(left.map(({ on }) => on))];
      left = left.filter(({ file, on }) => above.has(on) && below.has(file));
    }
    expect(left.map(({ file, on }) => `${file} imports ${on}`)).toEqual([]);
  });

  test("leave packages to their owners", () => {
    const strangers = imports.filter(({ target, room }) => OWNERS[target] && !OWNERS[target].includes(room));
    expect(strangers.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("that are pure know neither clock, nor chance, nor files, nor processes", () => {
    const impure =
      /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|process\.env|randomBytes|randomUUID)\b|from "node:(fs|child_process|net|os|timers)/;
    const found = files.filter(
      (file) => PURE.includes(roomOf(file)) && impure.test(readFileSync(join("src", file), "utf8")),
    );
    expect(found).toEqual([]);
  });
});

describe("the loop", () => {
  test("is short enough to be read at once", () => {
    const source = readFileSync("src/controllers/tenant.ts", "utf8").split("\n").length;
    expect(source).toBeLessThanOrEqual(120);
  });
});

describe("files", () => {
  test("are short: none over 400 lines, half of them at most 120", () => {
    const written = files.filter((file) => !file.includes(".gen."));
    const lengths = written
      .map((file) => readFileSync(join("src", file), "utf8").split("\n").length)
      .toSorted((a, b) => a - b);
    expect(lengths.at(-1)).toBeLessThanOrEqual(400);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(120);
  });
});
