import { expect, test } from "@jest/globals";
import type { HypervisorName } from "../../src/api/names.ts";
import type { HostFacts } from "../../src/facts/facts.ts";
import { Fences } from "../../src/hosts/fences.ts";

const HV1 = "hv1" as HypervisorName;
const look = (serial: number | undefined, bootId = "b1"): HostFacts =>
  ({ hypervisor: HV1, bootId, fence: serial === undefined ? undefined : { serial } }) as unknown as HostFacts;

test("a look that shows less than was seen or done is an old one, until the hypervisor boots again", () => {
  const fences = new Fences();
  fences.looked(look(4));
  fences.changed(HV1);
  expect(fences.serial(HV1)).toBe(5);
  expect(() => fences.looked(look(4))).toThrow(expect.objectContaining({ code: "EK-LOOK-INCOMPLETE" }));
  expect(fences.serial(HV1)).toBe(5);
  fences.looked(look(6));
  expect(fences.serial(HV1)).toBe(6);
  fences.looked(look(0, "b2"));
  expect(fences.serial(HV1)).toBe(0);
});

test("where somebody has deleted the fence it is counted anew", () => {
  const fences = new Fences();
  fences.looked(look(4));
  fences.looked(look(undefined));
  expect(fences.serial(HV1)).toBe(0);
});
