/** What a run, or a look at what a run would do, came to. */
export interface Verdict {
  /** A document is broken, or something went wrong that is no hypervisor's state. */
  readonly error: boolean;
  /** A hypervisor, or its Docker, was not seen. */
  readonly unseen: boolean;
  /** All is as asked, and was seen to be so. */
  readonly converged: boolean;
  /** Something was changed, or in a dry run would be; what waits for approval counts. */
  readonly changes: boolean;
}

/**
 * `--once`: 0 converged · 1 error · 2 changes were needed, where that is asked for · 3 ran, not converged. When several
 * hold: 1, then 3, then 2.
 */
export function exitOfOnce({ error, unseen, converged, changes }: Verdict, detailed: boolean): number {
  if (error) return 1;
  if (unseen || !converged) return 3;
  return detailed && changes ? 2 : 0;
}

/** `plan` and `--dry-run`: 0 planned · 1 error · 2 changes pending, where that is asked for · 3 a hypervisor was not seen. */
export function exitOfPlan({ error, unseen, changes }: Verdict, detailed: boolean): number {
  if (error) return 1;
  if (unseen) return 3;
  return detailed && changes ? 2 : 0;
}

/** `diff`, in diff(1)'s manner: 0 no difference · 1 differences · 2 error, or a hypervisor was not seen. */
export function exitOfDiff({ error, unseen, changes }: Verdict): number {
  if (error || unseen) return 2;
  return changes ? 1 : 0;
}
