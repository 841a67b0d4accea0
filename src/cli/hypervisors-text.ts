import type { HypervisorView } from "../controllers/hypervisor-view.ts";
import { printable, wrap } from "./problems.ts";
import { plural } from "./words.ts";

/** A hypervisor that was not seen in whole: why, and what to do. */
export function describeHypervisor(
  { name, code, message = "", fix }: HypervisorView,
  mark: string,
): string[] {
  const what = [" ", ":"].some((end) => message.startsWith(name + end)) ? message : `${name}  ${message}`;
  return [
    wrap(`${mark} ${printable(what)}${code === undefined ? "" : ` [${code}]`}`, "  "),
    ...(fix === undefined ? [] : [wrap(`  fix: ${printable(fix)}`, "    ")]),
  ];
}

/** Says that all is as asked, and how it is known. */
export const describeNoChange = (hypervisors: readonly HypervisorView[], documents: number): string =>
  `${plural(hypervisors.length, "hypervisor")} ${hypervisors.length === 1 ? "shows" : "show"} what` +
  ` ${plural(documents, "document")} ${documents === 1 ? "asks" : "ask"} for.`;
