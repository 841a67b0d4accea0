import { EvenkeelError } from "../api/errors.ts";
import type { FleetObject } from "../status/objects.ts";

/** What is waited for. */
export type Wanted =
  | { readonly what: "deleted" }
  | { readonly what: "condition"; readonly type: string; readonly status: string }
  | { readonly what: "replicas"; readonly count: number };

/** What one look shows: the objects of that name, and whether every hypervisor was seen in whole. */
export interface Shown {
  readonly objects: readonly FleetObject[];
  readonly isAllSeen: boolean;
}

/**
 * Reads `Ready`, `Deleted`, `condition=Stalled`, `condition=Ready=False` or `replicas=3`.
 * @throws EvenkeelError EK-USAGE when it is none
 */
export function parseWanted(text: string): Wanted {
  if (text === "Ready") return { what: "condition", type: "Ready", status: "True" };
  if (text === "Deleted") return { what: "deleted" };
  const [, type, status = "True"] = /^condition=([A-Za-z]+)(?:=(True|False|Unknown))?$/i.exec(text) ?? [];
  if (type !== undefined) return { what: "condition", type, status: capitalised(status) };
  const [, count] = /^replicas=(\d{1,6})$/.exec(text) ?? [];
  if (count !== undefined) return { what: "replicas", count: Number(count) };
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(text)} is nothing that can be waited for`, {
    fix: "wait for Ready, Deleted, condition=TYPE=STATUS or replicas=N",
  });
}

const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();

/** Why it is not so yet, in a sentence; undefined when it is. Not to have been seen is not to be gone. Pure. */
export function missing(wanted: Wanted, { objects, isAllSeen }: Shown): string | undefined {
  if (wanted.what === "deleted") {
    if (objects.length > 0) return "it is still there";
    return isAllSeen ? undefined : "not every hypervisor was seen, so something of it may be left";
  }
  if (objects.length === 0) return "it does not exist";
  return objects.map((object) => missingIn(wanted, object)).find((why) => why !== undefined);
}

function missingIn(
  wanted: Exclude<Wanted, { readonly what: "deleted" }>,
  object: FleetObject,
): string | undefined {
  if (wanted.what === "replicas") return missingReplicas(wanted.count, object);
  const found = object.status.conditions.find(({ type }) => type.toLowerCase() === wanted.type.toLowerCase());
  if (!found) return `it has no condition ${wanted.type}`;
  return found.status === wanted.status
    ? undefined
    : `${found.type} is ${found.status}: ${found.reason}: ${found.message}`;
}

function missingReplicas(count: number, object: FleetObject): string | undefined {
  if (object.kind !== "Subnet")
    throw new EvenkeelError("EK-USAGE", `replicas are counted of a subnet, not of a ${object.kind}`, {
      fix: "wait for replicas=N of a subnet/NAME",
    });
  const { readyReplicas: ready, replicas: standing } = object.status;
  return ready === count && standing === count ? undefined : `${ready} of ${standing} replicas are ready`;
}
