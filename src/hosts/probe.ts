import { type Incarnation, trusted } from "../api/names.ts";
import type { Ipv4 } from "../api/addresses.ts";
import type { Host } from "./host.ts";

/** Who is asked, from where: a TCP port of a replica, from inside its tenant's gateway. */
export interface ProbeTarget {
  /** The replica asked; the answer is filed under it. */
  readonly id: Incarnation;
  readonly namespace: string;
  readonly address: Ipv4;
  readonly port: number;
}

/** How long starting replicas are waited for in one exec, in seconds; it ends as soon as all have answered. */
const PATIENCE_SECONDS = 4;

/** Asks each target every 100 ms until it accepts a connection, all side by side in one exec. Silent ones read as false. */
export async function probe(
  host: Host,
  targets: readonly ProbeTarget[],
  signal: AbortSignal,
): Promise<Map<Incarnation, boolean>> {
  const script = `
while read -r id namespace address port; do
  ( end=$(($(date +%s) + ${PATIENCE_SECONDS}))
    while [ "$(date +%s)" -le $end ]; do
      nsenter --net="/run/netns/$namespace" timeout 1 bash -c ': < "/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null &&
        { echo "$id yes"; exit; }
      sleep 0.1
    done; echo "$id no" ) &
done <<'.EVENKEEL'
${targets.map(({ id, namespace, address, port }) => `${id} ${namespace} ${address} ${port}`).join("\n")}
.EVENKEEL
wait
`;
  const { stdout } = await host.run(script, { deadlineSeconds: PATIENCE_SECONDS + 6, signal });
  const answers = new Map<Incarnation, boolean>();
  for (const line of stdout.split("\n")) {
    const [id, answer] = line.split(" ");
    if (id && answer) answers.set(trusted(id), answer === "yes");
  }
  return answers;
}
