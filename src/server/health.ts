import { type Route, text } from "./server.ts";

/** `/healthz`: the process is alive and its event loop turns, or there would be no answer. */
export const health = (): Route => () => text(200, "ok");

/**
 * `/readyz`: whether the daemon knows what it works on.
 * @param missing what has yet to happen for the first time, a line each; a hypervisor that is dead is not among it
 */
export const readiness =
  (missing: () => readonly string[]): Route =>
  () => {
    const lines = missing();
    return lines.length === 0 ? text(200, "ok") : text(503, lines.join("\n"));
  };
