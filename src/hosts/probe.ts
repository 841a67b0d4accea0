import { type Incarnation, trusted } from "../api/names.ts";
import type { Ipv4 } from "../api/addresses.ts";
import type { Check } from "../replicas/spec.ts";
import type { Shell } from "./shell.ts";

/** Who is asked, what, and from where: a replica's port, from inside its tenant's gateway. */
export interface ProbeTarget {
  /** The replica asked; the answer is filed under it. */
  readonly id: Incarnation;
  readonly namespace: string;
  readonly address: Ipv4;
  readonly check: Check;
}

/** How long starting replicas are waited for in one exec, in seconds; it ends as soon as all have answered. */
const PATIENCE_SECONDS = 4;
/** What one of several successes in a row may take, in seconds. */
const SUCCESS_SECONDS = 0.25;

/**
 * Asks each target again and again, 100 ms apart, until it has answered well often enough in a row, all side by side in one
 * exec. Silent ones read as false.
 */
export async function probe(
  shell: Shell,
  targets: readonly ProbeTarget[],
  signal: AbortSignal,
): Promise<Map<Incarnation, boolean>> {
  const needs = targets.map(({ check }) => check.timeoutSeconds + check.successThreshold * SUCCESS_SECONDS);
  const patience = Math.ceil(Math.max(PATIENCE_SECONDS, ...needs));
  const script = `
ask() {
  if [ -n "$path" ]; then
    status=$(nsenter --net="/run/netns/$namespace" curl -q -s -g --path-as-is --noproxy '*' -o /dev/null \\
      -m "$seconds" -w '%{http_code}' "http://$address:$port$path" 2>/dev/null) && [ "$status" -ge 200 ] && [ "$status" -lt 400 ]
  else
    nsenter --net="/run/netns/$namespace" timeout "$seconds" bash -c ': < "/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null
  fi
}
while read -r id namespace address port seconds successes path; do
  ( end=$(($(date +%s) + ${patience})); n=0
    while [ "$(date +%s)" -le $end ]; do
      if ask; then n=$((n + 1)); [ $n -lt "$successes" ] || { echo "$id yes"; exit; }; else n=0; fi
      sleep 0.1
    done; echo "$id no" ) &
# guard: no manifest text in a shell
done <<'.EVENKEEL'
${targets.map(lineOf).join("\n")}
.EVENKEEL
wait
`;
  const { stdout } = await shell.run(script, { deadlineSeconds: patience + 6, signal });
  const answers = new Map<Incarnation, boolean>();
  for (const line of stdout.split("\n")) {
    const [id, answer] = line.split(" ");
    if (id && answer) answers.set(trusted(id), answer === "yes");
  }
  return answers;
}

/** The path, which a manifest gives, is the last word of a line that the script reads as data. */
const lineOf = ({ id, namespace, address, check }: ProbeTarget): string =>
  [id, namespace, address, check.port, check.timeoutSeconds, check.successThreshold, check.path ?? ""].join(
    " ",
  );
