import type { TableFact } from "../../src/facts/facts.ts";

/** A packet, or a frame, as rules look at it; what a rule asks for and is not here does not match. */
export interface Packet {
  readonly in?: string;
  readonly out?: string;
  /** `tcp`, `icmp`; of a frame `IPv4`, `ARP` or `IPv6`. */
  readonly protocol?: string;
  readonly from?: string;
  readonly to?: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly state?: "NEW" | "ESTABLISHED" | "DNAT";
  /** Source address inside a frame. */
  readonly ip?: string;
  /** Sender by the ARP message itself. */
  readonly arp?: { readonly ip: string; readonly mac: string };
  /** The VXLAN id that it carries. */
  readonly vxlan?: number;
}

const number = (address: string): number =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

function isWithin(address: string | undefined, network: string): boolean {
  if (address === undefined) return false;
  const [base = "", length = "32"] = network.split("/");
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

const isLike = (name: string | undefined, pattern: string): boolean =>
  pattern.endsWith("+") ? name?.startsWith(pattern.slice(0, -1)) === true : name === pattern;

type Test = (packet: Packet, value: string) => boolean;

/** What each option asks; a flag or a kind of message is never that of a packet here. */
const TESTS: Readonly<Record<string, Test>> = {
  "-i": (packet, value) => isLike(packet.in, value),
  "-o": (packet, value) => isLike(packet.out, value),
  "-p": ({ protocol }, value) => protocol === value,
  "-s": ({ from }, value) => (value.includes(":") ? from === value : isWithin(from, value)),
  "-d": ({ to }, value) => isWithin(to, value),
  "-m": () => true,
  "--comment": () => true,
  "--ctstate": ({ state }, value) => state !== undefined && value.split(",").includes(state),
  "--u32": ({ vxlan }, value) => vxlan !== undefined && value.endsWith(`=0x${vxlan.toString(16)}`),
  "--arp-ip-src": ({ arp }, value) => arp?.ip === value,
  "--arp-mac-src": ({ arp }, value) => arp?.mac === value,
  "--ip-src": ({ ip }, value) => ip === value,
  "--sport": ({ fromPort }, value) => String(fromPort) === value,
  "--dport": ({ vxlan, toPort }, value) => vxlan !== undefined || String(toPort) === value,
  "--icmp-type": () => false,
  "--ip-proto": () => false,
  "--ip-sport": () => false,
  "--ip-dport": () => false,
};

/** What becomes of a packet in a chain: the verdict of the first rule that has one, else the chain's policy. */
export function verdict({ chains, rules }: TableFact, chain: string, packet: Packet): string {
  for (const rule of rules) {
    const words = rule.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', "")) ?? [];
    if (words[1] !== chain) continue;
    let target = "";
    let matches = true;
    for (let at = 2; at < words.length; at += 2) {
      const [option = "", isNot] = [words[at], words[at + 1] === "!"];
      if (isNot) at++;
      const value = words[at + 1] ?? "";
      if (option === "-j") {
        target = value;
        break;
      }
      const test = TESTS[option];
      if (!test) throw new Error(`a rule asks what no packet here can answer: ${rule}`);
      matches &&= test(packet, value) !== isNot;
    }
    if (!matches) continue;
    if (["ACCEPT", "DROP", "RETURN", "REJECT"].includes(target)) return target;
    const found = verdict({ chains, rules }, target, packet);
    if (found !== "RETURN") return found;
  }
  const policy = chains[chain] ?? "-";
  return policy === "-" ? "RETURN" : policy;
}
