/** A figure by collectd's own names: of `percent-steal` the type is `percent`, and the instance `steal`. */
export interface CollectdFigure {
  readonly type: string;
  /** Empty where the type has only one figure. */
  readonly instance: string;
}

// guard: no manifest text in a shell
const NAME = /^collectd\.([a-zA-Z0-9_]{1,63})(?:-([a-zA-Z0-9_.-]{1,63}))?$/;

/**
 * Reads the name that a threshold has, `collectd.percent-steal` or `collectd.users`; undefined for what is none. Only what
 * collectd's names hold by custom: a name is written into its configuration, between quotes, as part of a pattern.
 */
export function parseCollectdMetric(metric: string): CollectdFigure | undefined {
  const [, type, instance = ""] = NAME.exec(metric) ?? [];
  return type === undefined ? undefined : { type, instance };
}

/** The name of a figure: what {@link parseCollectdMetric} reads. */
export const collectdMetric = ({ type, instance }: CollectdFigure): `collectd.${string}` =>
  `collectd.${type}${instance === "" ? "" : `-${instance}`}`;
