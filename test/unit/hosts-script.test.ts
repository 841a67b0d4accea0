import { describe, expect, test } from "@jest/globals";
import { interpreter, Output } from "../../src/hosts/script.ts";

describe("the program that reads a script", () => {
  test("is always the same but for the deadline", () => {
    expect(interpreter(60).join(" ")).toBe("timeout -k 5 60 sh -s");
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "has no deadline of %p seconds",
    (seconds) => {
      expect(() => interpreter(seconds)).toThrow(RangeError);
    },
  );
});

describe("the output of a script", () => {
  test("keeps a character that was split between two chunks", () => {
    const output = new Output();
    const bytes = Buffer.from("Zürich");
    output.add("stdout", bytes.subarray(0, 2));
    output.add("stdout", bytes.subarray(2));
    expect(output.ended(0)).toEqual({ state: "ended", code: 0, stdout: "Zürich", stderr: "" });
  });

  test("of an unknown end says why, in a line of its own", () => {
    const output = new Output();
    output.add("stdout", Buffer.from("half"));
    output.add("stderr", Buffer.from("a warning"));
    expect(output.unknown("the connection was lost")).toEqual({
      state: "unknown",
      code: undefined,
      stdout: "half",
      stderr: "a warning\nevenkeel: end of the script not seen: the connection was lost\n",
    });
  });

  test("above the limit is not taken for the whole, even after a good end", () => {
    const output = new Output(10);
    output.add("stdout", Buffer.from("0123456789"));
    expect(output.overflowed).toBe(false);
    output.add("stderr", Buffer.from("x"));
    const result = output.ended(0);
    expect(result.state).toBe("unknown");
    expect(result.code).toBeUndefined();
    expect(result.stdout).toBe("0123456789");
    expect(result.stderr).toContain("more than 10 bytes of output");
  });
});
