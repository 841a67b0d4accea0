import { isIP } from "node:net";

/** Where a server listens. */
export interface Listen {
  /** An address, without brackets, or localhost. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/** Nobody else's machine asks unless it is told where to listen. */
export const DEFAULT_LISTEN = "127.0.0.1:9478";

/** Reads `127.0.0.1:9478` or `[::1]:9478`; undefined when it is none. */
export function parseListen(given: string): Listen | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  const isHost = bracketed === undefined ? isIP(host) === 4 || host === "localhost" : isIP(host) === 6;
  return isHost && port <= 65_535 ? { host, port } : undefined;
}

/** As it stands in an address: `[::1]:9478`. */
export const showListen = ({ host, port }: Listen): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");

/**
 * Whether a Host header may be answered. On loopback a name that somebody else has made point here (DNS rebinding) is not;
 * a server on other addresses may have any name.
 */
export function isAllowedHost(header: string | undefined, { host }: Listen): boolean {
  if (!isLoopback(host)) return true;
  const name = (header ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  // guard: who may ask
  return isLoopback(name) && (name === "localhost" || isIP(name) !== 0);
}
