import { type Incarnation, trusted } from "../api/names.ts";
import { asError } from "../api/errors.ts";
import { within } from "./deadline.ts";
import type { Host } from "./host.ts";
import type { Shell } from "./shell.ts";
import type { ProbeTarget } from "./probe.ts";

/** What was asked of the gateways of one hypervisor. */
export interface Round {
  readonly host: Host;
  readonly targets: readonly ProbeTarget[];
}

/** Between the longest time-out of a round and the deadline of its exec, in seconds. */
const SLACK_SECONDS = 5;

/** Exit statuses of curl that blame it, not whom it asked: it could not begin, or had no memory. */
const CURL_TROUBLE: ReadonlySet<string> = new Set(["2", "27"]);
/** Exit statuses of `timeout` from here on are its own trouble. */
const TIMEOUT_TROUBLE = 125;

/** Asks the gateways of one hypervisor once, side by side, in one exec. */
export async function checkHealth(
  shell: Shell,
  targets: readonly ProbeTarget[],
  signal: AbortSignal,
): Promise<Map<Incarnation, boolean>> {
  const seconds = Math.max(...targets.map(({ check }) => check.timeoutSeconds)) + SLACK_SECONDS;
  const { stdout } = await within({ seconds, signal }, (stop) =>
    shell.run(healthScript(targets), { deadlineSeconds: seconds, signal: stop }),
  );
  return readAnswers(stdout);
}

/** Asks all targets once, hypervisors side by side, and tells which of these could not be asked. */
export async function probeAll(
  rounds: readonly Round[],
  signal: AbortSignal,
): Promise<{ answers: ReadonlyMap<Incarnation, boolean>; failures: ReadonlyMap<string, Error> }> {
  const answers = new Map<Incarnation, boolean>();
  const failures = new Map<string, Error>();
  await Promise.all(
    rounds.map(async ({ host, targets }) => {
      try {
        for (const [id, isWell] of await host.checkHealth(targets, signal)) answers.set(id, isWell);
      } catch (error) {
        failures.set(host.name, asError(error));
      }
    }),
  );
  return { answers, failures };
}

/** One curl, and one loop over ports, for each gateway. What a manifest says reaches them as quoted data alone. */
export function healthScript(targets: readonly ProbeTarget[]): string {
  const gateways = new Set(targets.map(({ namespace }) => namespace));
  const sections = [...gateways].flatMap((namespace) => {
    const own = targets.filter((target) => target.namespace === namespace);
    const inside = `nsenter --net=/run/netns/${namespace}`;
    const pages = own.flatMap(transferOf);
    const ports = own.flatMap(({ id, address, check: { path, port, timeoutSeconds } }) =>
      path === undefined ? [`${id} ${address} ${port} ${timeoutSeconds}`] : [],
    );
    return [
      ...(pages.length > 0
        ? [section(`${inside} curl -q -s -Z --parallel-max 300 -K -`, pages.join("next\n"))]
        : []),
      ...(ports.length > 0 ? [section(`${inside} sh -c "$PORTS"`, `${ports.join("\n")}\n`)] : []),
    ];
  });
  return `
PORTS='while read -r id address port seconds; do
  { timeout "$seconds" bash -c ": < \\"/dev/tcp/\\$0/\\$1\\"" "$address" "$port" 2>/dev/null; echo "$id port $?"; } &
done; wait'
${sections.join("")}wait
`;
}

/** No line of ours can be equal to what ends it, because none begins with a dot. */
const section = (command: string, lines: string): string =>
  // guard: no manifest text in a shell
  `${command} 2>/dev/null <<'.EVENKEEL' &\n${lines}.EVENKEEL\n`;

/** One transfer as curl reads it from its configuration, in which a quoted string has two characters to escape. */
function transferOf({ id, address, check: { path, port, timeoutSeconds } }: ProbeTarget): string[] {
  if (path === undefined) return [];
  // guard: no manifest text in a shell
  const quoted = `http://${address}:${port}${path}`.replaceAll(/["\\]/g, "\\$&");
  return [
    `url = "${quoted}"\ngloboff\npath-as-is\nnoproxy = "*"\noutput = "/dev/null"\n` +
      `max-time = ${timeoutSeconds}\nwrite-out = "${id} page %{exitcode} %{http_code}\\n"\n`,
  ];
}

/** Reads `ID port STATUS` and `ID page STATUS HTTP`. */
function readAnswers(stdout: string): Map<Incarnation, boolean> {
  const answers = new Map<Incarnation, boolean>();
  for (const line of stdout.split("\n")) {
    const [id, what, status, http] = line.trim().split(" ");
    if (!id || status === undefined) continue;
    if (what === "port" && Number(status) < TIMEOUT_TROUBLE) answers.set(trusted(id), status === "0");
    if (what !== "page" || CURL_TROUBLE.has(status)) continue;
    answers.set(trusted(id), status === "0" && Number(http) >= 200 && Number(http) < 400);
  }
  return answers;
}
