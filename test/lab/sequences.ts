import fc from "fast-check";
import type { ScriptOperation, Tool } from "../../src/resources/operation.ts";
import type { Story } from "../unit/stories.ts";

/** Operations for one hypervisor: what stands before them, then each by itself. */
export interface Sequence {
  readonly foundation: readonly ScriptOperation[];
  readonly operations: readonly ScriptOperation[];
}

/** Operations in a sequence. */
const LENGTH = 30;

/** What becomes of one operation of a plan; undefined when it is left out. */
type Fate =
  | { readonly kind: "as planned" | "backwards" | "of another tenant" }
  /** Another of the story in its place: too early, too late, once more. */
  | { readonly kind: "other"; readonly tool: number; readonly at: number }
  /** Only the first of its lines. */
  | { readonly kind: "cut"; readonly lines: number }
  /** One of the names and addresses in it is another one that occurs: taken, not there, of the wrong kind. */
  | { readonly kind: "mistaken"; readonly word: number; readonly by: number };

/** Some operations of one of the stories, two thirds of them as planned. Shrinks to fewer of them, on less that stands. */
export function sequences(stories: readonly Story[]): fc.Arbitrary<Sequence> {
  const words = universe(stories);
  const planned = fc.constant<Fate>({ kind: "as planned" });
  const any = fc.nat(10_000);
  const wrong = fc.oneof(
    fc.record({ kind: fc.constant("other" as const), tool: any, at: any }),
    fc.record({ kind: fc.constant("cut" as const), lines: any }),
    fc.record({ kind: fc.constant("mistaken" as const), word: any, by: any }),
    fc.constant<Fate>({ kind: "backwards" }),
    fc.constant<Fate>({ kind: "of another tenant" }),
  );
  const fate = fc.oneof({ arbitrary: planned, weight: 2 }, { arbitrary: wrong, weight: 1 });
  return fc
    .record({
      story: fc.nat(stories.length - 1),
      start: fc.nat(10_000),
      fates: fc.array(fc.option(fate, { nil: undefined, freq: 20 }), {
        minLength: LENGTH,
        maxLength: LENGTH,
      }),
    })
    .map(({ story: index, start, fates }) => {
      const story = stories[index] ?? [];
      const first = start % Math.max(1, story.length - LENGTH + 1);
      return {
        foundation: story.slice(0, first),
        operations: fates.flatMap((one, at) => meet(story, first + at, one, words)),
        [fc.toStringMethod]() {
          return `${first} of story ${index}, then\n${this.operations.map((operation, at) => `#${at} ${told(operation)}`).join("\n")}\n`;
        },
      };
    });
}

/** An operation as people read it. */
const told = ({ tool, namespace = "", sandboxOf = "", lines }: ScriptOperation): string =>
  [
    `${tool} ${tool === "sandbox" ? sandboxOf : namespace}`,
    ...(lines.length > 12 ? [...lines.slice(0, 6), `… ${lines.length - 7} more`, lines.at(-1)] : lines),
  ].join("\n     ");

function meet(story: Story, at: number, fate: Fate | undefined, words: Universe): ScriptOperation[] {
  const operation = story[at];
  if (!fate || !operation) return [];
  const { lines } = operation;
  switch (fate.kind) {
    case "as planned":
      return [operation];
    case "backwards":
      return [WHOLE.has(operation.tool) ? operation : { ...operation, lines: lines.toReversed() }];
    case "of another tenant":
      return [ofOther(operation)];
    case "other": {
      // By tool first, since some have few operations.
      const tools = [...new Set(story.map(({ tool }) => tool))];
      const alike = story.filter(({ tool }) => tool === tools[fate.tool % tools.length]);
      return alike.slice(fate.at % alike.length).slice(0, 1);
    }
    case "cut":
      return [
        UNCUT.has(operation.tool)
          ? operation
          : { ...operation, lines: lines.slice(0, 1 + (fate.lines % lines.length)) },
      ];
    case "mistaken":
      return [WHOLE.has(operation.tool) ? operation : mistaken(operation, fate, words)];
  }
}

/** Tools that are given all or nothing. */
const UNCUT: ReadonlySet<Tool> = new Set<Tool>(["host-chain", "resolver-start", "collector-start"]);

/** Tools whose lines belong together. */
const WHOLE: ReadonlySet<Tool> = new Set<Tool>([
  "iptables",
  "ip6tables",
  "ebtables",
  "host-iptables",
  "host-chain",
  "conntrack",
  "sysctl",
  "resolver-start",
  "resolver-tell",
  "resolver-stop",
  "collector-start",
  "collector-stop",
]);

const OTHER: Readonly<Record<string, string>> = { t1: "t2", t2: "t1" };

function ofOther(operation: ScriptOperation): ScriptOperation {
  const other = (text: string): string =>
    text.replaceAll(
      /\bcampus([.:])(t[12])\b/g,
      (_, mark: string, name: string) => `campus${mark}${OTHER[name]}`,
    );
  const { namespace, lines } = operation;
  return { ...operation, ...(namespace && { namespace: other(namespace) }), lines: lines.map(other) };
}

/** Words of a kind that occur in lines, in an order of their own. */
type Universe = ReadonlyMap<RegExp, readonly string[]>;

const KINDS = [
  /^(br-\w+|vx-\w+|vxmgmt|mgmt|up0|loc0|ek[lu]\w{8}|[wm]\w{8}|eth\d)$/,
  /^campus\.t\d$/,
  /^0[1-9]:([0-9a-f]{2}:){4}[0-9a-f]{2}$/,
  /^(\d+\.){3}\d+$/,
  /^(\d+\.){3}\d+\/32$/,
  /^(\d+\.){3}\d+\/(?!32)\d+$/,
  /^1[345]\d\d$/, // MTUs
];

const wordsOf = (line: string): string[] => line.match(/"[^"]*"|\S+/g) ?? [];

function universe(stories: readonly Story[]): Universe {
  const all = new Set(
    stories.flatMap((story) =>
      story.filter(({ tool }) => !WHOLE.has(tool)).flatMap(({ lines }) => lines.flatMap(wordsOf)),
    ),
  );
  const absent = ["br-none", "campus.t3"];
  return new Map(
    KINDS.map((kind) => [kind, [...all, ...absent].filter((word) => kind.test(word)).toSorted()]),
  );
}

/** The same with one word replaced by another of its kind. */
function mistaken(
  operation: ScriptOperation,
  { word, by }: { readonly word: number; readonly by: number },
  words: Universe,
): ScriptOperation {
  const places = operation.lines.flatMap((line, index) =>
    wordsOf(line).flatMap((text, at) => {
      const kind = KINDS.find((one) => one.test(text));
      return kind ? [{ index, at, choice: words.get(kind) ?? [] }] : [];
    }),
  );
  const place = places[word % Math.max(1, places.length)];
  if (!place) return operation;
  const { index, at, choice } = place;
  const replaced = wordsOf(operation.lines[index] ?? "").with(at, choice[by % choice.length] ?? "");
  return { ...operation, lines: operation.lines.with(index, replaced.join(" ")) };
}
