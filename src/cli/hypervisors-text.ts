import type { HypervisorView } from "./hypervisors.ts";
import { printable, wrap } from "./problems.ts";

/** A hypervisor that was not seen in whole: why, and what to do. */
export function describeHypervisor(
  { name, code, message = "", fix }: HypervisorView,
  mark: string,
): string[] {
  return [
    wrap(`${mark} ${name}  ${printable(message)}${code === undefined ? "" : ` [${code}]`}`, "  "),
    ...(fix === undefined ? [] : [wrap(`  fix: ${printable(fix)}`, "    ")]),
  ];
}
