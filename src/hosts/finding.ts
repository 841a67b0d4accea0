/** One thing that the first contact looked at. A `warning` is worth mending, but nothing waits for it. */
export interface Finding {
  /** What was looked at, in a word or two: `root`, `tool conntrack`, `kernel vxlan`. */
  readonly check: string;
  readonly state: "passed" | "failed" | "warning";
  readonly message: string;
  /** What to do about it, mostly a command for the hypervisor; there unless passed. */
  readonly fix?: string;
}
