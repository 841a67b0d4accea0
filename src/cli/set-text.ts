import type { FieldChange, Setting } from "../manifests/edit-file.ts";
import { shown } from "../manifests/flow.ts";
import type { Message } from "../manifests/commit.ts";
import { dotted } from "./assignment.ts";
import { printable, WIDTH } from "./problems.ts";

/** So that two of them fit on a line. */
const LONGEST_VALUE = 34;

const cut = (text: string): string =>
  text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - 1)}…` : text;

const describeValue = (value: unknown): string => printable(cut(shown(value)));

const describeSetting = ({ value, isWritten }: Setting): string => {
  if (value === undefined) return "not set";
  return `${describeValue(value)}${isWritten ? "" : " (default)"}`;
};

/** `  autoscale.thresholds.cpu.max: 60 → 70`, on two lines where one is too short. */
export function describeField({ path, before, after }: FieldChange): string {
  const name = `  ${dotted(path)}:`;
  const values =
    before === after ? describeSetting(after) : `${describeSetting(before)} → ${describeSetting(after)}`;
  const line = `${name} ${values}`;
  return line.length <= WIDTH ? line : `${name}\n    ${values}`;
}

/** What a commit of these changes says. */
export function messageOf(title: string, changes: readonly FieldChange[]): Message {
  const made = changes.filter(({ before, after }) => before !== after);
  const [first, ...others] = made.map(({ path, after }) =>
    after.isWritten
      ? `Set ${dotted(path)} of ${title} to ${describeValue(after.value)}`
      : `Take ${dotted(path)} from ${title}`,
  );
  if (others.length === 0) return { subject: first ?? title };
  return {
    subject: `Change ${made.length} fields of ${title}`,
    body: [first, ...others].map((line) => `- ${line}`).join("\n"),
  };
}
