import { EvenkeelError } from "../api/errors.ts";
import { systemClock } from "../clock/clock.ts";
import { editField } from "../manifests/edit-file.ts";
import { tellEdit } from "./edit.ts";
import { explained } from "./explained.ts";
import { parseSubnet } from "./subject.ts";
import { parseUntil } from "./until.ts";

export interface PauseOptions {
  readonly namespace?: string;
  /** Why, for those who look. */
  readonly reason: string;
  /** When it ends by itself. */
  readonly until?: string;
}

/** `reconcile pause`: freezes a subnet's count, in its manifest. */
export async function pause(word: string, directory: string, options: PauseOptions): Promise<number> {
  const { tenant, subnet } = parseSubnet(word, options.namespace);
  const until = options.until === undefined ? {} : { until: parseUntil(options.until, systemClock.now()) };
  const value = { reason: options.reason, ...until };
  const edited = await explained(directory, () =>
    editField(directory, `Subnet/${tenant}/${subnet}`, (object) => {
      if (object.kind === "Subnet" && object.spec.autoscale === undefined)
        throw new EvenkeelError(
          "EK-USAGE",
          `${tenant}/${subnet} is not autoscaled: its count is replicas.min`,
          {
            fix: "there is nothing to pause",
          },
        );
      return { path: ["spec", "autoscale", "pause"], value };
    }),
  );
  const end = value.until === undefined ? "" : ` until ${value.until}`;
  tellEdit(directory, edited, {
    done: `${tenant}/${subnet} is paused${end}`,
    subject: `Pause ${tenant}/${subnet}: ${options.reason}`,
  });
  return 0;
}
