import { EvenkeelError } from "../api/errors.ts";
import { type FleetName, isName, type TenantName, trusted } from "../api/names.ts";
import { LABEL, tenantOf } from "../resources/marks.ts";
import type { Host } from "./host.ts";

export interface ListenOptions {
  readonly fleet: FleetName;
  readonly signal: AbortSignal;
  /** Told when something of a tenant changed; of whom it was, and no more. */
  readonly heard: (tenant: TenantName) => void;
}

/** A listener that lost its connection is not noticed by the hypervisor at once: it ends there after this long. */
const LISTEN_SECONDS = 120;

/**
 * Listens to a hypervisor: links, addresses and routes of the fleet's namespaces, and its containers. What is heard is a
 * hint and no more, and may be lost: the timed look is the truth.
 */
export class Listener {
  readonly #host: Host;
  readonly #options: ListenOptions;
  /** Whose namespace has which number; those of strangers have nobody's. */
  readonly #owners = new Map<string, TenantName | undefined>();

  constructor(host: Host, options: ListenOptions) {
    this.#host = host;
    this.#options = options;
  }

  /**
   * Listens for a while, until it is worth beginning anew.
   * @throws EvenkeelError EK-HOST-UNREACHABLE, EK-HOST-KEY
   */
  async listen(): Promise<void> {
    const { fleet, signal } = this.#options;
    const over = new AbortController();
    let rest = "";
    const heard = (text: string): void => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (!this.#read(line)) over.abort();
    };
    const until = AbortSignal.any([signal, over.signal]);
    const options = { deadlineSeconds: LISTEN_SECONDS, signal: until, heard };
    const { state, code, stderr } = await this.#host.run(script(fleet), options);
    if (state === "ended" && code !== 0 && code !== 124)
      throw new EvenkeelError("EK-LOOK-INCOMPLETE", `${this.#host.name}: no events: ${stderr.trim()}`);
  }

  /** False when it tells of a namespace that was not there when the listening began. */
  #read(line: string): boolean {
    const { fleet, heard } = this.#options;
    const [, namespace, number] = /^netns (\S+) \(id: (\d+)\)/.exec(line) ?? [];
    if (namespace !== undefined && number !== undefined) this.#owners.set(number, tenantOf(fleet, namespace));
    // `[nsid 3]7: br-web: <BROADCAST> …`
    const [, id] = /^\[nsid (\d+)\]/.exec(line) ?? [];
    const isKnown = id === undefined || this.#owners.has(id);
    if (id !== undefined && !isKnown) this.#owners.set(id, undefined);
    const owner = id === undefined ? ownerOfContainer(line) : this.#owners.get(id);
    if (owner !== undefined) heard(owner);
    return isKnown;
  }
}

/**
 * The kernel tells of other namespaces only those that have a number in ours; giving them one changes nothing else. The
 * fleet's name is a DNS label.
 */
const script = (fleet: FleetName): string => `
ip netns list | while read -r name rest; do
  case $name in ${fleet}.*) ip netns set "$name" auto 2>/dev/null ;; esac
done
ip netns list | sed 's/^/netns /'
ip -o monitor link address route all-nsid &
curl -sSN --unix-socket /var/run/docker.sock -G http://docker/events \\
  --data-urlencode 'filters={"type":["container"],"event":["die","start","destroy","pause","unpause"],"label":["${LABEL}fleet=${fleet}"]}' &
wait
`;

/** Docker's own line about a container; its labels are among its attributes. */
function ownerOfContainer(line: string): TenantName | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only a hint is made of it, and the type is checked
    const event = JSON.parse(line) as { Actor?: { Attributes?: Record<string, unknown> } };
    const owner = event.Actor?.Attributes?.[`${LABEL}tenant`];
    return typeof owner === "string" && isName(owner) ? trusted(owner) : undefined;
  } catch {
    return undefined;
  }
}
