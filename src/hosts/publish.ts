import { EvenkeelError } from "../api/errors.ts";
import type { FleetName, TenantName } from "../api/names.ts";
import { fleetDirectory, publishedDirectory } from "../facts/script.ts";
import { type FenceClaim, FENCED, fenceRefusal } from "./render.ts";
import type { Shell } from "./shell.ts";

/** A file that a tenant's bastion shows. */
export interface PublishedFile {
  readonly tenant: TenantName;
  /** A word of ours, without a slash. */
  readonly name: string;
  readonly text: string;
}

/** What is put on one hypervisor for its bastions to show. */
export interface Publication {
  readonly fleet: FleetName;
  readonly claim: FenceClaim;
  /** In this order. */
  readonly files: readonly PublishedFile[];
  readonly signal: AbortSignal;
}

/** It is a moment's work; a hypervisor that needs longer gets it with the next change. */
const DEADLINE_SECONDS = 5;
/** Exit status of a script that was ended by its deadline. */
const TOO_LATE = 124;

/**
 * Puts files where bastions find them, as one exec: each takes its place as a whole, and is its bastion's to read only.
 * Once another controller has been there, nothing is done, which is no failure.
 * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, or EK-CHANGE-FAILED with what the hypervisor said
 */
export async function publish(shell: Shell, publication: Publication): Promise<void> {
  const { signal } = publication;
  const ran = await shell.run(publishScript(publication), { deadlineSeconds: DEADLINE_SECONDS, signal });
  const { state, code, stderr } = ran;
  if (state === "unknown" || code === TOO_LATE)
    throw new EvenkeelError("EK-HOST-UNREACHABLE", `${shell.name}: ${stderr.trim().slice(0, 300)}`);
  if (code === 0 || code === FENCED) return;
  const said = stderr.trim().slice(0, 300) || `exit ${code}`;
  throw new EvenkeelError("EK-CHANGE-FAILED", `${shell.name}: a bastion's snapshot: ${said}`, {
    fix: "make room on that hypervisor's disk",
  });
}

/** In braces, as a change is: of half a script nothing is done. Everybody may read the files, whoever gets that far. */
export const publishScript = ({ fleet, claim, files }: Omit<Publication, "signal">): string => `{
set -e
export LC_ALL=C
umask 077
mkdir -p ${fleetDirectory(fleet)}
${fenceRefusal(fleet, claim)}
umask 022
put() { mkdir -p "$1"; base64 -d >"$1/.$2.new"; mv -fT "$1/.$2.new" "$1/$2"; }
${files.map((file) => put(fleet, file)).join("")}exit 0
}
`;

function put(fleet: FleetName, { tenant, name, text }: PublishedFile): string {
  // guard: no manifest text in a shell
  const encoded = Buffer.from(text).toString("base64");
  return `put ${publishedDirectory(fleet, tenant)} ${name} <<'.EVENKEEL'\n${encoded}\n.EVENKEEL\n`;
}
