import { EvenkeelError } from "../api/errors.ts";
import { BASTION_KEY } from "../facts/script.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import type { Host } from "./host.ts";
import type { Shell } from "./shell.ts";

/** It is a moment's work. */
const DEADLINE_SECONDS = 10;

/**
 * The host key that a bastion keeps in a directory, or kept there; undefined where there is none.
 * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY, EK-CHANGE-FAILED with what the hypervisor said
 */
export async function readBastionKey(
  shell: Shell,
  directory: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const file = `${directory}/${BASTION_KEY}`;
  const key = await run(shell, `[ ! -s ${file} ] || base64 -w 0 ${file}`, signal);
  return key === "" ? undefined : key;
}

/**
 * Puts a host key where a bastion is to be, unless one is there.
 * @param key as it was read
 * @throws EvenkeelError as reading does
 */
export async function writeBastionKey(
  shell: Shell,
  directory: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const file = `${directory}/${BASTION_KEY}`;
  // As text of its own alphabet, whatever a hypervisor said; `ln` gives a file its name only where none has it.
  const script = `umask 077
mkdir -p ${directory} && rm -f ${file}.come && base64 -d >${file}.come <<'EOF' || exit 1
${Buffer.from(key, "base64").toString("base64")}
EOF
ln ${file}.come ${file} 2>/dev/null || [ -s ${file} ] || exit 1
rm -f ${file}.come`;
  await run(shell, script, signal);
}

/**
 * Sees to it that a bastion whose home has moved answers with the host key that people know: through this controller's two
 * connections, for no hypervisor has a key to another. Where none of the others has one, the bastion makes its own.
 * @param others the tenant's other hypervisors that were seen: what they do not say now they say later
 * @throws EvenkeelError when one cannot be asked, or the key cannot be put where it is needed
 */
export async function bringBastionKey(
  { hostKeyIn: directory }: ContainerRequest,
  { host, others }: { readonly host: Host; readonly others: readonly Host[] },
  signal: AbortSignal,
): Promise<void> {
  if (directory === undefined || (await host.readBastionKey(directory, signal)) !== undefined) return;
  // guard: unknown is not absent
  const keys = await Promise.all(others.map((other) => other.readBastionKey(directory, signal)));
  const key = keys.find((one) => one !== undefined);
  if (key !== undefined) await host.writeBastionKey(directory, key, signal);
}

async function run(shell: Shell, script: string, signal: AbortSignal): Promise<string> {
  const ran = await shell.run(script, { deadlineSeconds: DEADLINE_SECONDS, signal });
  const { state, code, stdout, stderr } = ran;
  if (state === "ended" && code === 0) return stdout;
  const said = stderr.trim().slice(0, 300) || `exit ${code ?? "unknown"}`;
  throw new EvenkeelError("EK-CHANGE-FAILED", `${shell.name}: a bastion's host key: ${said}`);
}
