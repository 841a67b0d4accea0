import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";

/** Each promise of the predecessor's, and each of its test cases. */
const LETTERS = [
  ...Array.from({ length: 20 }, (_, index) => `P${index + 1}`),
  "L4",
  ...Array.from({ length: 6 }, (_, index) => `T${index + 1}`),
];

interface Row {
  readonly letter: string;
  /** What stands in the cells that name tests. */
  readonly cells: readonly string[];
}

const rows: Row[] = readFileSync("docs/predecessor.md", "utf8")
  .split("\n")
  .flatMap((line) => {
    const [, letter, ...cells] = line.split("|").map((cell) => cell.trim());
    return letter !== undefined && /^[PLT]\d+$/.test(letter) ? [{ letter, cells: cells.slice(1, -1) }] : [];
  });

/** The tests that a cell names: file, and title as it is written there, after the titles of what it stands in. */
const named = (cell: string): { file: string; titles: string[] }[] =>
  cell.split("<br>").flatMap((piece) => {
    const [, file, title] = /^`(test\/[\w./-]+)`: (.+)$/.exec(piece) ?? [];
    return file === undefined || title === undefined ? [] : [{ file, titles: title.split(" › ") }];
  });

/** Titles of tests and of the blocks around them, as a file has them. */
const titlesIn = (file: string): string[] =>
  [...readFileSync(file, "utf8").matchAll(/^\s*(?:test|describe)\b[^]*?\(\s*"((?:[^"\\]|\\.)*)",/gm)].map(
    ([, title = ""]) => JSON.parse(`"${title}"`) as string,
  );

describe("the page of the predecessor's promises", () => {
  test("has a line for each of them, in order, and says of each what shows it, or that nothing does yet", () => {
    expect(rows.map(({ letter }) => letter)).toEqual(LETTERS);
    const silent = rows.filter(({ cells }) =>
      cells.every((cell) => named(cell).length === 0 && !cell.includes("not yet")),
    );
    expect(silent).toEqual([]);
    // Nothing is in a cell but tests, and what there is not.
    const strange = rows
      .flatMap(({ cells }) => cells)
      .flatMap((cell) => cell.split("<br>"))
      .filter((piece) => named(piece).length === 0 && piece !== "-" && !/(^|: )not yet$/.test(piece));
    expect(strange).toEqual([]);
  });

  test.each(rows.flatMap(({ letter, cells }) => cells.flatMap(named).map((one) => ({ letter, ...one }))))(
    "$letter is shown by a test that there is: $file $titles",
    ({ file, titles }) => {
      expect(existsSync(file)).toBe(true);
      const known = titlesIn(file);
      expect(titles.filter((title) => !known.includes(title))).toEqual([]);
    },
  );
});
