import { contains, parseCidr, type Ipv4 } from "../api/addresses.ts";
import { trusted } from "../api/names.ts";
import type { SandboxFacts, SocketFact } from "./facts.ts";

/**
 * What running containers show of their own network, from files under /proc: no process has to enter them.
 * @param pids lines `PID CONTAINER-ID`
 * @param files `grep -H` output over mtu, address, route and fib_trie of each pid
 * @param tables see {@link parseSockets}
 */
export function parseSandboxes(pids: string, files: string, tables: string): Map<string, SandboxFacts> {
  const sockets = parseSockets(tables);
  const byPid = new Map<string, string[]>();
  for (const line of files.split("\n")) {
    const match = /^\/proc\/(\d+)\/(.*)$/.exec(line);
    const [, pid, rest] = match ?? [];
    if (pid === undefined || rest === undefined) continue;
    const lines = byPid.get(pid) ?? [];
    lines.push(rest);
    byPid.set(pid, lines);
  }
  const sandboxes = new Map<string, SandboxFacts>();
  for (const line of pids.split("\n")) {
    const [pid, id] = line.trim().split(" ");
    if (!pid || !id) continue;
    sandboxes.set(id, { ...readSandbox(Number(pid), byPid.get(pid) ?? []), sockets: sockets.get(pid) });
  }
  return sandboxes;
}

/** As /proc/net/tcp has it; in any other state (established, or closed by the peer alone) something may still be said. */
const LISTENS = "0A";

/** Lines `PID`, for each whose table was read, and `PID STATE PORT COUNT`, state and port in hexadecimal. */
function parseSockets(text: string): Map<string, Map<number, SocketFact>> {
  const tables = new Map<string, Map<number, SocketFact>>();
  for (const line of text.split("\n")) {
    const [pid, state, port, count] = line.trim().split(" ");
    if (!pid) continue;
    const table = tables.get(pid) ?? new Map<number, SocketFact>();
    tables.set(pid, table);
    if (state === undefined || port === undefined) continue;
    const number = Number.parseInt(port, 16);
    const { listens, live } = table.get(number) ?? { listens: false, live: 0 };
    const fact = state === LISTENS ? { listens: true, live } : { listens, live: live + Number(count) };
    table.set(number, fact);
  }
  return tables;
}

function readSandbox(pid: number, lines: readonly string[]): Omit<SandboxFacts, "sockets"> {
  const routes = lines.flatMap(readRoute);
  const own = lines
    .flatMap((line) => /^net\/fib_trie-\s*\|-- (\S+)$/.exec(line)?.[1] ?? [])
    .map((text) => trusted<Ipv4>(text));
  const value = (device: string, file: string): string | undefined =>
    lines
      .find((line) => line.startsWith(`root/sys/class/net/${device}/${file}:`))
      ?.split(":")
      .slice(1)
      .join(":");
  const interfaces: Record<string, SandboxFacts["interfaces"][string]> = {};
  for (const device of ["eth0", "eth1"]) {
    const mac = value(device, "address");
    const mtu = value(device, "mtu");
    if (mac === undefined || mtu === undefined) continue;
    const network = routes.find((route) => route.device === device && route.gateway === undefined)?.network;
    const cidr = network === undefined ? undefined : parseCidr(network);
    const address = cidr && own.find((candidate) => contains(cidr, candidate));
    interfaces[device] = {
      mac,
      mtu: Number(mtu),
      address: cidr && address && `${address}/${cidr.split("/")[1]}`,
    };
  }
  return { pid, interfaces, gateway: routes.find(({ network }) => network === "0.0.0.0/0")?.gateway };
}

interface KernelRoute {
  readonly device: string;
  readonly network: string;
  readonly gateway: Ipv4 | undefined;
}

/** One line of /proc/net/route: addresses are little-endian hexadecimal. */
function readRoute(line: string): KernelRoute[] {
  if (!line.startsWith("net/route:")) return [];
  const [device = "", destination = "", gateway = "", , , , , mask = ""] = line
    .slice("net/route:".length)
    .split("\t");
  if (!/^[0-9A-F]{8}$/.test(destination)) return [];
  const bits = Number.parseInt(mask, 16).toString(2).replaceAll("0", "").length;
  return [
    {
      device,
      network: `${quad(destination)}/${bits}`,
      gateway: gateway === "00000000" ? undefined : trusted<Ipv4>(quad(gateway)),
    },
  ];
}

const quad = (hex: string): string =>
  (hex.match(/../g) ?? [])
    .toReversed()
    .map((octet) => Number.parseInt(octet, 16))
    .join(".");
