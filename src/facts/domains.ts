import type { FleetName } from "../api/names.ts";
import { type DomainMade, domainMade } from "./domain-made.ts";
import { XMLParser } from "fast-xml-parser";

/** A virtual machine as libvirt shows it; only what evenkeel compares. */
export interface DomainFact {
  readonly name: string;
  readonly uuid: string;
  /** In virsh's words: running, paused, shut off, in shutdown, crashed, … */
  readonly state: string;
  /** Our element of its metadata, by attribute; empty where it has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The hypervisor's ends of its interfaces, by the names they were made with. */
  readonly taps: readonly string[];
  /** What it was defined with; nothing is compared with it, for its mark has a digest of that. */
  readonly made: DomainMade;
}

/** Namespace of our element in a domain's metadata. */
export const METADATA_NAMESPACE = "https://evenkeel.dev/ns/replica/1";

/**
 * The domains of a fleet, from what virsh printed: ` 3   NAME   running` for each, and then the XML of ours.
 * @returns undefined where libvirt was silent, or one that was listed is not described: then it is not known which there are
 */
export function parseDomains(printed: string, fleet: FleetName): readonly DomainFact[] | undefined {
  // guard: unknown is not absent
  if (/^silent$/m.test(printed)) return undefined;
  const listed = printed.split("\n").flatMap((line) => {
    const [, name = "", state = ""] = /^\s*(?:-|\d+)\s+([a-z0-9.-]+)\s+(\S.*)$/.exec(line) ?? [];
    return name.startsWith(`${fleet}.`) ? [{ name, state: state.trim() }] : [];
  });
  const described = new Map(
    (printed.match(/^<domain[ >][\s\S]*?^<\/domain>/gm) ?? []).flatMap((xml) => {
      const domain = readDomain(xml);
      return domain ? [[domain.name, domain] as const] : [];
    }),
  );
  const domains = listed.flatMap(({ name, state }): DomainFact[] => {
    const domain = described.get(name);
    return domain ? [{ ...domain, state }] : [];
  });
  // guard: unknown is not absent
  return domains.length === listed.length ? domains : undefined;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  removeNSPrefix: false,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: true,
  isArray: (name) => name === "interface" || name === "disk",
});

type Described = Omit<DomainFact, "state">;

/** What was read last, by its text: from one look to the next it is mostly the same. */
const read = new Map<string, Described | undefined>();
const READ_AT_MOST = 1000;

function readDomain(xml: string): Described | undefined {
  if (read.has(xml)) return read.get(xml);
  if (read.size >= READ_AT_MOST) read.clear();
  const described = readAnew(xml);
  read.set(xml, described);
  return described;
}

function readAnew(xml: string): Described | undefined {
  const domain = child(parser.parse(xml), "domain");
  const name = text(child(domain, "name"));
  const uuid = text(child(domain, "uuid"));
  if (name === "" || uuid === "") return undefined;
  const interfaces = child(child(domain, "devices"), "interface");
  const taps = Array.isArray(interfaces)
    ? interfaces.flatMap((one) => text(child(child(one, "target"), "dev")) || [])
    : [];
  return { name, uuid, metadata: ours(child(domain, "metadata")), taps, made: domainMade(domain) };
}

/** The attributes of our element: that of our namespace, whatever libvirt calls that. */
function ours(metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null) return {};
  for (const [name, element] of Object.entries<unknown>({ ...metadata })) {
    const [prefix, local] = name.split(":");
    if (local !== "replica" || child(element, `xmlns:${prefix}`) !== METADATA_NAMESPACE) continue;
    return Object.fromEntries(
      Object.entries<unknown>(Object(element)).flatMap(([key, value]) =>
        typeof value === "string" && !key.startsWith("xmlns") ? [[key, value] as const] : [],
      ),
    );
  }
  return {};
}

const child = (parent: unknown, name: string): unknown =>
  typeof parent === "object" && parent !== null ? Reflect.get(parent, name) : undefined;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
