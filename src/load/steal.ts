import type { FleetName } from "../api/names.ts";
import { fleetDirectory, VIRSH } from "../facts/script.ts";
import type { CpuCounter } from "./cpu.ts";

/**
 * Prints the counters of a fleet's virtual machines, one call of virsh for all of them, and none where there are none. The
 * time that a virtual CPU could have run and did not is its `delay` (what a guest calls steal); never `wait`, which most
 * kernels do not count.
 */
export const stealScript = (fleet: FleetName): string => `
for f in ${fleetDirectory(fleet)}/domains/*; do
  [ -e "$f" ] || continue
  timeout 4 ${VIRSH} domstats --raw --vcpu </dev/null 2>/dev/null | awk '
    function say() { if (name != "" && cpus > 0) printf "domain %s %.0f %.0f %d\\n", name, used, delay, cpus }
    /^Domain:/ { say(); name = substr($2, 2, length($2) - 2); used = delay = cpus = 0 }
    { split($1, pair, "=") }
    pair[1] ~ /^vcpu\\.current$/ { cpus = pair[2] }
    pair[1] ~ /^vcpu\\.[0-9]+\\.time$/ { used += pair[2] }
    pair[1] ~ /^vcpu\\.[0-9]+\\.delay$/ { delay += pair[2] }
    END { say() }'
  break
done
`;

/** What {@link stealScript} printed, by name of the machine. */
export const parseSteal = (output: string): ReadonlyMap<string, CpuCounter> =>
  new Map(
    output.split("\n").flatMap((line) => {
      const [, name = "", used, delay, cpus] = /^domain (\S+) (\d+) (\d+) (\d+)$/.exec(line) ?? [];
      if (name === "") return [];
      return [[name, { pid: 0, used: Number(used), waited: Number(delay), cpus: Number(cpus) }] as const];
    }),
  );
