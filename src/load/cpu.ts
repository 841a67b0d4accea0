import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import { runningContainers } from "../facts/script.ts";

/** One CPU counter at one moment. It only grows while the same process tree stands behind it. */
export interface CpuCounter {
  /** Billionths of a second of CPU time since the counter began; exact up to 2^53, and within 128 after that. */
  readonly used: number;
  /** Process that the counter belongs to: another one, and it began anew. 0 where only less used time shows that. */
  readonly pid: number;
  /** Of a virtual machine: billionths of a second in which its CPUs could have run and did not, all of them together. */
  readonly waited?: number;
  /** Of a virtual machine: how many CPUs it has. */
  readonly cpus?: number;
}

/** What a hypervisor's counters showed in one exec. */
export interface CpuReading {
  /** Seconds since the hypervisor booted, by a clock that nobody can set. */
  readonly uptime: number;
  /** Billionths of a second of CPU time, everyone's work included. */
  readonly used: number;
  /** CPUs that all of it may use at once: the CPUs online, or less where the group that the hypervisor is in has a quota. */
  readonly cpus: number;
  /** `proc-stat` only where no cgroup counts: its ticks are coarse, and know nothing of containers around the host. */
  readonly source: "cgroup-v1" | "cgroup-v2" | "proc-stat";
  /** By container id, of every running container; undefined where the counter could not be read. */
  readonly containers: ReadonlyMap<string, CpuCounter | undefined>;
}

/**
 * Prints the CPU counters of a hypervisor and of all its containers: one POSIX script, one exec, and but for `getconf`
 * nothing is started, whatever the number of containers. A container's group is found through `/proc/PID/cgroup`, so
 * it does not matter who drives the groups: v1, v2 with cgroupfs, or v2 with systemd.
 * @param nonce closes the output, so that a part of it cannot pass for all
 * @param root what stands before all paths; only tests have their hosts elsewhere than in `/`
 */
export const cpuScript = (nonce: string, root = ""): string => `
export LC_ALL=C
v1= v2= quota=
while read -r _ mount type options _; do
  case $type:,$options, in
    cgroup:*,cpuacct,*) v1=\${v1:-${root}$mount};;
    cgroup2:*) v2=\${v2:-${root}$mount};;
  esac
  case $type:,$options, in cgroup:*,cpu,*) quota=\${quota:-${root}$mount};; esac
done < ${root}/proc/mounts
usage_v1() { read -r used < "$1/cpuacct.usage"; } 2>/dev/null
usage_v2() {
  while read -r key used; do [ "$key" != usage_usec ] || { used=$((used * 1000)); return 0; }; done < "$1/cpu.stat"
  return 1
} 2>/dev/null
usage_stat() {
  read -r _ user nice system _ _ irq softirq _ < ${root}/proc/stat
  used=$(((user + nice + system + irq + softirq) * (1000000000 / $(getconf CLK_TCK))))
}
read -r uptime _ < ${root}/proc/uptime
echo "uptime $uptime"
if [ "$v1" ] && usage_v1 "$v1"; then echo "used $used cgroup-v1"
elif [ "$v2" ] && usage_v2 "$v2"; then echo "used $used cgroup-v2"
else usage_stat; echo "used $used proc-stat"; fi
echo "online $(getconf _NPROCESSORS_ONLN)"
if [ "$quota" ] && [ -e "$quota/cpu.cfs_quota_us" ]; then
  read -r most < "$quota/cpu.cfs_quota_us"; read -r period < "$quota/cpu.cfs_period_us"; echo "quota $most $period"
elif [ "$v2" ] && [ -e "$v2/cpu.max" ]; then
  read -r most period < "$v2/cpu.max"; echo "quota $most $period"
fi
# A workload may have made groups of its own: the container's is the one that carries its id.
group() {
  path=
  while IFS=: read -r _ controllers where; do
    case ,$controllers, in
      *,cpuacct,*) path=$where; return;;
      ,,) path=$where;;
    esac
  done < "${root}/proc/$1/cgroup"
} 2>/dev/null
${runningContainers(root)} | while read -r pid id; do
  used=
  group "$pid"
  case $path in *"$id"*)
    rest=\${path#*"$id"}; path=\${path%"$rest"}\${rest%%/*}
    { [ "$v1" ] && usage_v1 "$v1$path"; } || { [ "$v2" ] && usage_v2 "$v2$path"; } || used=
  esac
  echo "container $id $pid \${used:--}"
done
echo "end ${nonce}"
`;

/**
 * Reads what {@link cpuScript} printed.
 * @throws EvenkeelError EK-LOOK-INCOMPLETE when its end, or a number of the hypervisor's own, is missing
 */
export function parseCpu(hypervisor: HypervisorName, output: string, nonce: string): CpuReading {
  const lines = output
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  const incomplete = (why: string): EvenkeelError =>
    new EvenkeelError("EK-LOOK-INCOMPLETE", `the load of ${hypervisor} could not be read: ${why}`);
  const words = (key: string): readonly string[] => lines.find(([name]) => name === key)?.slice(1) ?? [];
  const number = (key: string): number => {
    const value = counter(words(key)[0]);
    if (value === undefined) throw incomplete(`its ${key} is no number`);
    return value;
  };
  const last = lines.at(-1);
  // guard: sentinel
  if (last?.[0] !== "end" || last[1] !== nonce) throw incomplete("the output ends before its closing line");
  const source = SOURCES.find((one) => one === words("used")[1]);
  if (source === undefined) throw incomplete("it does not say where its counter is from");
  const [most, period] = words("quota").map(counter);
  return {
    uptime: number("uptime"),
    used: number("used"),
    cpus: Math.min(number("online"), most !== undefined && period ? most / period : Number.POSITIVE_INFINITY),
    source,
    containers: new Map(
      lines
        .filter(([key]) => key === "container")
        .map(([, id = "", pid, value]) => {
          const used = counter(value);
          // guard: missing sample
          return [id, used === undefined ? undefined : { used, pid: Number(pid) }] as const;
        }),
    ),
  };
}

const SOURCES = ["cgroup-v1", "cgroup-v2", "proc-stat"] as const;

/** A number that counts something; undefined for what is none, such as `max` and -1, by which no quota is said. */
const counter = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
