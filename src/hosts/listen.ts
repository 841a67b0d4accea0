import { EvenkeelError } from "../api/errors.ts";
import { type FleetName, isName, type TenantName, trusted } from "../api/names.ts";
import { fleetDirectory, VIRSH } from "../facts/script.ts";
import { LABEL, tenantOf } from "../resources/marks.ts";
import type { Shell } from "./shell.ts";

export interface ListenOptions {
  readonly fleet: FleetName;
  readonly signal: AbortSignal;
  /** Told when something of a tenant changed; of whom it was, and no more. */
  readonly heard: (tenant: TenantName) => void;
}

/** A listener that lost its connection is not noticed by the hypervisor at once: it ends there after this long. */
const LISTEN_SECONDS = 120;

/**
 * Listens to a hypervisor for a while: links, addresses and routes of the fleet's namespaces, its containers, and its virtual
 * machines where it has had one. What is
 * heard is a hint and no more, and may be lost: the timed look is the truth.
 */
export const listen = (shell: Shell, options: ListenOptions): Promise<void> =>
  new Listener(shell, options).listen();

class Listener {
  readonly #shell: Shell;
  readonly #options: ListenOptions;
  /** Whose namespace has which number; those of strangers have nobody's. */
  readonly #owners = new Map<string, TenantName | undefined>();

  constructor(shell: Shell, options: ListenOptions) {
    this.#shell = shell;
    this.#options = options;
  }

  async listen(): Promise<void> {
    const { fleet, signal } = this.#options;
    let rest = "";
    const heard = (text: string): void => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#read(line);
    };
    const options = { deadlineSeconds: LISTEN_SECONDS, signal, heard };
    const { state, code, stderr } = await this.#shell.run(script(fleet), options);
    if (state === "ended" && code !== 0 && code !== 124)
      throw new EvenkeelError("EK-LOOK-INCOMPLETE", `${this.#shell.name}: no events: ${stderr.trim()}`);
  }

  #read(line: string): void {
    if (this.#isName(line)) return;
    // `[nsid 3]7: br-web: <BROADCAST> …`
    const [, id] = /^\[nsid (\d+)\]/.exec(line) ?? [];
    if (id !== undefined && !this.#owners.has(id)) void this.#learn(id);
    const owner =
      id === undefined
        ? (ownerOfContainer(line) ?? ownerOfMachine(this.#options.fleet, line))
        : this.#owners.get(id);
    if (owner !== undefined) this.#options.heard(owner);
  }

  /** Takes a line of `ip netns list` in. */
  #isName(line: string): boolean {
    const [, namespace, id] = /^(\S+) \(id: (\d+)\)$/.exec(line) ?? [];
    if (namespace === undefined || id === undefined) return false;
    this.#owners.set(id, tenantOf(this.#options.fleet, namespace));
    return true;
  }

  /** Whose namespace it is that was made since the listening began. */
  async #learn(id: string): Promise<void> {
    const { signal, heard } = this.#options;
    this.#owners.set(id, undefined);
    try {
      const { stdout } = await this.#shell.run("ip netns list", { deadlineSeconds: 10, signal });
      for (const line of stdout.split("\n")) this.#isName(line);
    } catch (error) {
      if (!(error instanceof EvenkeelError)) throw error;
      this.#owners.delete(id); // the next of its events asks again
    }
    const owner = this.#owners.get(id);
    if (owner !== undefined) heard(owner);
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
ip netns list
ip -o monitor link address route all-nsid &
curl -sSN --unix-socket /var/run/docker.sock -G http://docker/events \\
  --data-urlencode 'filters={"type":["container"],"event":["die","start","destroy","pause","unpause"],"label":["${LABEL}fleet=${fleet}"]}' &
[ ! -d ${fleetDirectory(fleet)}/domains ] || stdbuf -oL ${VIRSH} event --event lifecycle --loop 2>/dev/null &
wait
`;

/** `event 'lifecycle' for domain 'campus.t2.web-1.k7f2q9ab': Suspended Paused`. */
function ownerOfMachine(fleet: FleetName, line: string): TenantName | undefined {
  const [, name = ""] = / for domain '?([a-z0-9.-]+)'?: /.exec(line) ?? [];
  const [owner, tenant] = name.split(".");
  return owner === fleet && tenant !== undefined && isName(tenant) ? trusted(tenant) : undefined;
}

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
