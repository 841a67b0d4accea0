import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parse } from "yaml";

/** What a command left behind. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Hv = "hv1" | "hv2";
export const HYPERVISORS: readonly Hv[] = ["hv1", "hv2"];

/** A host of the lab: see hack/lab. */
export type Host = Hv | "ctl" | "client" | "neighbour" | "router" | "switch";

/** The fleet of the example manifests; its tenants' namespaces are `campus.t1`, `campus.t2`. */
const FLEET = "campus";
export const namespace = (tenant: string): string => `${FLEET}.${tenant}`;

/** Polls until `look` answers something; conditions instead of sleeps. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 20,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await pause(50);
  }
}

function run(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const limits = { maxBuffer: 2 ** 26, env: { ...process.env, ...options.env } };
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on("error", () => {}); // a command may end without reading it
    child.stdin?.end(options.input ?? "");
  });
}

/** A replica's container as Docker itself tells of it. */
export interface Container {
  readonly hv: Hv;
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly subnet: string;
  /** `web-1`: its hostname, by which it answers. */
  readonly replica: string;
  readonly address: string;
  readonly managementAddress: string;
  readonly image: string;
  readonly running: boolean;
  readonly started: string;
  readonly pid: number;
  readonly incarnation: string;
}

interface Inspected {
  Id: string;
  Name: string;
  Config: { Hostname: string; Image: string; Labels: Record<string, string> | null };
  State: { Running: boolean; StartedAt: string; Pid: number };
}

/** What stands on a hypervisor, in lines by topic: `campus.t1 links`, `own tables`, `containers` … */
export type Snapshot = Readonly<Record<string, string>>;

/** What of it is a tenant's own: its namespaces and its containers. */
export const partOf = (all: Readonly<Record<Hv, Snapshot>>, tenant: string): Record<string, string> =>
  Object.fromEntries(
    HYPERVISORS.flatMap((hv) =>
      Object.entries(all[hv])
        .filter(
          ([topic]) =>
            topic.startsWith(`${namespace(tenant)} `) || topic.startsWith(`container ${namespace(tenant)}.`),
        )
        .map(([topic, text]) => [`${hv} ${topic}`, text]),
    ),
  );

/** One answer of the lab's web server; `hostname` is missing when nobody answered. */
export interface Answer {
  readonly status: number;
  readonly hostname?: string;
  readonly version?: string;
  readonly replica?: string;
  readonly client?: string;
  readonly clientPort?: string;
  readonly greeting?: string;
}

/** How many answers each replica gave; `none` counts those without an answer. */
export function tally(answers: readonly { readonly hostname?: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { hostname = "none" } of answers) counts[hostname] = (counts[hostname] ?? 0) + 1;
  return counts;
}

/** A tree of manifests with a state directory of its own: one installation of evenkeel. */
export class Fleet {
  readonly tree: string;
  state: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.tree = join(folder, "manifests");
    this.state = join(folder, "state");
  }

  read(path: string): string {
    return readFileSync(join(this.tree, path), "utf8");
  }

  write(path: string, text: string): void {
    const file = join(this.tree, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Replaces a text that must be there. */
  edit(path: string, from: string | RegExp, to: string): void {
    const before = this.read(path);
    const after = before.replace(from, () => to);
    if (after === before) throw new Error(`${path} does not hold ${String(from)}`);
    this.write(path, after);
  }

  remove(...paths: string[]): void {
    for (const path of paths) rmSync(join(this.tree, path), { recursive: true });
  }

  /** The files as they are now; to be put back by {@link restore}. */
  files(): Record<string, string> {
    const all = readdirSync(this.tree, { recursive: true, withFileTypes: true });
    const paths = all.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
    return Object.fromEntries(
      paths.map((path) => [path.slice(this.tree.length + 1), readFileSync(path, "utf8")]),
    );
  }

  restore(files: Readonly<Record<string, string>>): void {
    rmSync(this.tree, { recursive: true, force: true });
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  /** Commits the tree as it is, as somebody else would. */
  commit(subject: string): void {
    if (!existsSync(join(this.tree, ".git"))) this.git("init", "--quiet");
    this.git("add", "--all");
    this.git("commit", "--quiet", "--message", subject);
  }

  git(...words: readonly string[]): void {
    const author = ["-c", "user.name=Web Team", "-c", "user.email=web@t1"];
    execFileSync("git", ["-C", this.tree, ...author, ...words]);
  }

  /** From now on with a ledger that knows nothing. */
  forget(): void {
    for (let n = 1; existsSync(this.state); n++) this.state = join(this.#folder, `state-${n}`);
  }

  /** The same tree, worked on by somebody else: with a state directory of their own. */
  other(): Fleet {
    const other = new Fleet(this.#folder);
    other.state = join(this.#folder, "state-other");
    return other;
  }

  /** Where the tenant's subnet is reached from outside. */
  service(tenant: string, subnet = "web"): string {
    const { spec } = parse(this.read(`tenants/${tenant}/${subnet}.yaml`)) as {
      spec: { service: { address: string } };
    };
    return spec.service.address;
  }
}

/** What `hack/lab status --json` tells, as far as it is used here. */
interface Status {
  state: string;
  hosts: Readonly<Record<"ctl" | "client" | "neighbour" | "router", string>>;
  images: Readonly<Record<string, string>>;
  arguments: string;
  hypervisors: { name: Hv; pid: number; hostKey: string; sshdLog: string; address: string; edge: string }[];
}

/** What evenkeel asks of a hypervisor in one exec. */
export type Exec = "contact" | "look" | "change" | "probe";

/** A lab of this test file's own, and the real `reconcile` built from the source as it is. */
export class Lab {
  readonly name: string;
  readonly #env: NodeJS.ProcessEnv;
  #nextPort = 20_000;
  #status: Status = {
    state: "",
    hosts: { ctl: "", client: "", neighbour: "", router: "" },
    images: {},
    arguments: "",
    hypervisors: [],
  };

  private constructor(name: string, uplink: string) {
    // The same for each run of one checkout, so that it finds what the last one left; another checkout's stand beside it.
    const checkout = createHash("sha256").update(process.cwd()).digest("hex").slice(0, 4);
    this.name = `test-${name}-${checkout}`;
    this.#env = { LAB: this.name, UPLINK: uplink, LAB_STATE: `/var/lib/evenkeel-lab/${this.name}` };
  }

  static async up(name: string, { uplink = "nic" } = {}): Promise<Lab> {
    const lab = new Lab(name, uplink);
    await lab.hack("down"); // what a run before this one may have left behind
    await Promise.all([lab.hack("up"), must(run("node", ["hack/build.mjs", lab.build]))]);
    lab.#status = JSON.parse(await lab.hack("status", "--json")) as Status;
    return lab;
  }

  async down(): Promise<void> {
    await this.hack("down");
    rmSync(this.build, { recursive: true, force: true });
  }

  /** Where this file's build lies; below node_modules, so that packages are found. */
  get build(): string {
    return join(process.cwd(), "node_modules", ".cache", "evenkeel", this.name);
  }

  get keys(): string {
    return join(this.#status.state, "keys");
  }

  get folder(): string {
    return join(this.#status.state, "fleets");
  }

  /** What a hypervisor keeps over a reboot, as the machine sees it. */
  disk(hv: Hv): string {
    return join(this.#status.state, hv);
  }

  /** Who holds a hypervisor, as the fence there says. */
  fence(hv: Hv, fleet = FLEET): string {
    const file = join(this.disk(hv), "evenkeel", fleet, "fence");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Addresses of the hosts around the hypervisors. */
  get hosts(): Status["hosts"] {
    return this.#status.hosts;
  }

  hypervisor(hv: Hv): Status["hypervisors"][number] {
    const found = this.#status.hypervisors.find(({ name }) => name === hv);
    if (!found) throw new Error(`the lab has no ${hv}`);
    return found;
  }

  async hack(...args: string[]): Promise<string> {
    return must(run("hack/lab", args, { env: this.#env }));
  }

  /** Runs a command on a host, whatever comes of it. */
  try(host: Host, command: readonly string[], input?: string): Promise<Ran> {
    return run("hack/lab", ["exec", host, "--", ...command], {
      env: this.#env,
      ...(input !== undefined && { input }),
    });
  }

  /** Runs a shell script on a host, which must go well. */
  sh(host: Host, script: string): Promise<string> {
    return must(this.try(host, ["sh", "-e", "-c", script]));
  }

  /** Runs a shell script in a tenant's namespace. */
  inTenant(hv: Hv, tenant: string, script: string): Promise<string> {
    return must(this.try(hv, ["nsenter", `--net=/run/netns/${namespace(tenant)}`, "sh", "-e", "-c", script]));
  }

  /** Runs a command with the hypervisor's programs in a replica's network, whatever comes of it. */
  tryInside({ hv, pid }: Container, script: string, input?: string): Promise<Ran> {
    return this.try(hv, ["nsenter", "-t", String(pid), "-n", "sh", "-e", "-c", script], input);
  }

  inside(of: Container, script: string): Promise<string> {
    return must(this.tryInside(of, script));
  }

  /** A process that goes on while the test does something else; `stop` ends it and tells what it printed. */
  begin(host: Host, command: readonly string[]): Background {
    return new Background("hack/lab", ["exec", host, "--", ...command], this.#env);
  }

  /** The example manifests with the lab's host keys in them. */
  fleet(name = FLEET): Fleet {
    const fleet = new Fleet(join(this.folder, name));
    cpSync("manifests", fleet.tree, { recursive: true });
    for (const hv of HYPERVISORS)
      fleet.edit(`provider/${hv}.yaml`, /SHA256:\S+/, this.hypervisor(hv).hostKey);
    return fleet;
  }

  /** The real command line on the controller's host. */
  reconcile(fleet: Fleet, ...args: string[]): Promise<Ran> {
    return this.try("ctl", this.command(fleet, ...args));
  }

  command({ tree, state }: Fleet, ...args: string[]): string[] {
    const directories = ["--state-dir", state, "--keys-dir", this.keys];
    return ["node", join(this.build, "reconcile.js"), ...args, tree, ...directories];
  }

  once(fleet: Fleet, ...args: string[]): Promise<Ran> {
    return this.reconcile(fleet, "--once", "--timeout", "60s", ...args);
  }

  /** The daemon, until it is stopped. It looks by itself so seldom that what it does in a test comes from what it heard. */
  daemon(fleet: Fleet, ...args: string[]): Background {
    return this.begin("ctl", this.command(fleet, "--resync", "1h", ...args));
  }

  /** `reconcile --once`, which must converge. */
  async converge(fleet: Fleet): Promise<Ran> {
    const ran = await this.once(fleet);
    if (ran.code !== 0) throw new Error(`--once ended with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran;
  }

  /** All replicas' containers, by our labels, as Docker tells of them; by hypervisor, tenant, replica. */
  async containers(tenant?: string, subnet?: string): Promise<Container[]> {
    const all = await Promise.all(HYPERVISORS.map((hv) => this.#containersOn(hv)));
    return all
      .flat()
      .filter((one) => (tenant ?? one.tenant) === one.tenant && (subnet ?? one.subnet) === one.subnet)
      .toSorted((a, b) => (`${a.tenant} ${a.replica} ${a.hv}` < `${b.tenant} ${b.replica} ${b.hv}` ? -1 : 1));
  }

  async #containersOn(hv: Hv): Promise<Container[]> {
    const text = await this.sh(hv, INSPECT);
    return (JSON.parse(text || "[]") as Inspected[]).flatMap(({ Id, Name, Config, State }) => {
      const label = (name: string): string => Config.Labels?.[`dev.evenkeel.${name}`] ?? "";
      if (label("fleet") === "" || label("subnet") === "") return [];
      return {
        hv,
        id: Id,
        name: Name.slice(1),
        tenant: label("tenant"),
        subnet: label("subnet"),
        replica: Config.Hostname,
        address: label("address"),
        managementAddress: label("management-address"),
        image: Config.Image,
        running: State.Running,
        started: State.StartedAt,
        pid: State.Pid,
        incarnation: label("incarnation"),
      };
    });
  }

  /**
   * Everything that stands on a hypervisor, read with its own tools. Counters and timers are left out, and carriers, which
   * the kernel tells of when it likes; whether a link is up is not.
   */
  async snapshot(hv: Hv): Promise<Snapshot> {
    const text = await must(this.try(hv, ["sh", "-s"], SNAPSHOT));
    const parts = text.split("\n#> ").slice(1);
    return Object.fromEntries(parts.map((part) => [part.split("\n")[0], part.slice(part.indexOf("\n") + 1)]));
  }

  async snapshots(): Promise<Record<Hv, Snapshot>> {
    const [hv1, hv2] = await Promise.all([this.snapshot("hv1"), this.snapshot("hv2")]);
    return { hv1, hv2 };
  }

  /** Ends a hypervisor's Docker; its containers go on. `hack/lab up` starts it again. */
  async endDocker(hv: Hv, signal: "TERM" | "KILL"): Promise<void> {
    await this.sh(hv, `kill -${signal} $(cat /run/docker.pid)`);
    const running = ["sh", "-c", "pidof dockerd containerd"];
    await eventually("dockerd ends", async () => (await this.try(hv, running)).code !== 0, 40);
  }

  /** Ends a hypervisor's libvirtd; its guests go on. `hack/lab up` starts it again. */
  async endLibvirt(hv: Hv, signal: "TERM" | "KILL"): Promise<void> {
    await this.sh(hv, `kill -${signal} $(cat /run/libvirtd.pid)`);
    await eventually("libvirtd ends", async () => (await this.try(hv, ["pidof", "libvirtd"])).code !== 0);
  }

  /** The SHA-256 of an image for virtual machines that the lab has: see hack/lab.d/guests.sh. */
  imageChecksum(name: string): string {
    const checksum = this.#status.images[name];
    if (checksum === undefined) throw new Error(`the lab has no image ${name}`);
    return checksum;
  }

  /** The kernel's arguments that make emulation boot fast: see hack/lab.d/guests.sh. */
  get guestArguments(): string {
    return this.#status.arguments;
  }

  /** Puts images for virtual machines where a fleet keeps them on a hypervisor. */
  async giveImages(hv: Hv, names: readonly string[], fleet = FLEET): Promise<void> {
    const folder = `/var/lib/evenkeel/${fleet}/images`;
    const files = names.map((name) => `/srv/images/${name}`).join(" ");
    await this.sh(hv, `mkdir -p ${folder} && cp --no-preserve=mode ${files} ${folder}`);
  }

  /** How many commands sshd has begun on a hypervisor so far. */
  execs(hv: Hv): number {
    return readFileSync(this.hypervisor(hv).sshdLog, "utf8").split("Starting session: command").length - 1;
  }

  /**
   * From now on a hypervisor keeps a copy of every script that it is given over SSH, so that a test can tell what an exec
   * was for: sshd's log counts them, and says no more.
   */
  async record(hv: Hv): Promise<void> {
    await this.replace(hv, "timeout", RECORDER);
  }

  /** Puts a shell script in front of one of a hypervisor's programs, for it alone. */
  async replace(hv: Hv, program: string, script: string): Promise<void> {
    await this.sh(hv, "mountpoint -q /usr/local/sbin || mount -t tmpfs tmpfs /usr/local/sbin");
    const file = `/usr/local/sbin/${program}`;
    await must(this.try(hv, ["sh", "-c", `cat > ${file}; chmod +x ${file}`], `#!/bin/sh\n${script}\n`));
  }

  /** Ends every {@link replace} of a hypervisor. */
  async giveBack(hv: Hv): Promise<void> {
    await this.sh(hv, "! mountpoint -q /usr/local/sbin || umount -l /usr/local/sbin");
  }

  /** What the recorded execs were for, since the last time this was asked. */
  async recorded(hv: Hv): Promise<Exec[]> {
    const text = await this.sh(hv, RECORDED);
    return text.split("\n").filter(Boolean) as Exec[];
  }

  /** One TCP connection for each request, one after another; what has no answer by then has none. */
  async requests(host: Host, url: string, count: number, seconds = 3): Promise<Answer[]> {
    const urls = Array.from({ length: count }, () => url);
    const close = ["-H", "Connection: close", "-w", "%{http_code}\n"];
    const { stdout } = await this.try(host, ["curl", "-s", "-m", String(seconds), ...close, ...urls]);
    return readAnswers(stdout);
  }

  /** One UDP packet for each request, each from a port that was never used before: conntrack would remember it. */
  async packets(host: Host, address: string, count: number): Promise<Answer[]> {
    const first = this.#nextPort;
    this.#nextPort += count;
    const { stdout } = await this.try(host, ["node", "-e", UDP, address, String(first), String(count)]);
    const lines = stdout.trim().split("\n");
    return lines.map((line) =>
      line === "-" ? { status: 0 } : { status: 200, hostname: line.split(" ")[0] ?? "" },
    );
  }
}

/** A process of the lab that runs beside the test. */
export class Background {
  stdout = "";
  stderr = "";
  readonly ended: Promise<number>;
  readonly #child;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    // A process group of its own: what enters a hypervisor is a child of what was begun, and is to end with it.
    const options = { env: { ...process.env, ...env }, detached: true };
    this.#child = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.#child.on("close", (code, signal) => resolve(code ?? (signal === null ? 255 : 128)));
    });
  }

  /** Waits until it has printed something. */
  async says(what: RegExp): Promise<void> {
    await eventually(`it says ${String(what)}`, () => what.test(this.stdout + this.stderr));
  }

  /** A line for its standard input. */
  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ran> {
    process.kill(-this.pid, signal);
    return { code: await this.ended, stdout: this.stdout, stderr: this.stderr };
  }
}

export async function must(running: Promise<Ran>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`exit ${code}: ${stderr || stdout}`);
  return stdout;
}

/** Lines of JSON, each followed by its status. */
function readAnswers(text: string): Answer[] {
  const answers: Answer[] = [];
  let body: Omit<Answer, "status"> = {};
  for (const line of text.split("\n")) {
    if (line.startsWith("{")) body = JSON.parse(line) as Omit<Answer, "status">;
    else if (/^\d{3}$/.test(line)) {
      answers.push({ ...body, status: Number(line) });
      body = {};
    }
  }
  return answers;
}

const UDP = `
const [address, first, count] = process.argv.slice(1);
const ask = (n) => new Promise((resolve) => {
  const socket = require("dgram").createSocket("udp4");
  const end = (answer) => socket.close(() => resolve(answer));
  const late = setTimeout(end, 2000, "-");
  socket.on("message", (text) => { clearTimeout(late); end(String(text).trim()); });
  socket.bind(Number(first) + n, () => socket.send("packet " + n, 53, address));
});
(async () => { for (let n = 0; n < count; n++) console.log(await ask(n)); })();`;

// One that goes between the list and the question about it makes both wrong.
const INSPECT = `
for try in 1 2 3 4 5; do
  ids=$(docker ps -aq --no-trunc)
  [ "$ids" ] || exit 0
  all=$(docker inspect $ids) && { printf '%s\\n' "$all"; exit 0; }
done
exit 1`;

const RECORDER = `[ "$1" = -k ] || exec /usr/bin/timeout "$@"
mkdir -p /run/execs
tee "$(mktemp /run/execs/$(date +%s%N).XXXX)" | /usr/bin/timeout "$@"`;

const RECORDED = `
for f in /run/execs/*; do
  [ -e "$f" ] || continue
  if grep -q /dev/tcp/ "$f"; then echo probe
  elif grep -q evenkeel-look "$f"; then echo look
  elif grep -q 'flock -w' "$f"; then echo change
  else echo contact; fi
  rm "$f"
done`;

const SNAPSHOT = `
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
cat > /tmp/net <<'NET'
# A table that does nothing is the same as one that nobody has made.
written() { awk 'function show() { if (does) printf "%s", table; table = ""; does = 0 }
  /^[*]/ { show() } { table = table $0 "\\n" } !/^([*]|COMMIT|:.* ACCEPT$|$)/ { does = 1 } END { show() }'; }
part() { printf '\\n#> %s %s\\n' "$1" "$2"; }
part "$1" links; ip -d addr | sed -E 's/_timer +[0-9.]+/_timer/g; s/ tentative//; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state (UP|DOWN|UNKNOWN)//'
part "$1" routes; ip route | sed 's/ linkdown//'
part "$1" neighbours; ip neigh show nud permanent | sort
part "$1" forwarding; bridge fdb | grep -E 'static|dst' | sort
part "$1" tables; { iptables-save; ip6tables-save; ebtables-nft-save; } | grep -v '^#' | sed -E 's/ \\[[0-9]+:[0-9]+\\]//' | written
part "$1" sysctls; cd /proc/sys/net; grep -s . ipv4/ip_forward bridge/bridge-nf-call-* ipv4/conf/*/rp_filter ipv4/conf/*/arp_ignore \\
  ipv4/conf/*/arp_notify ipv4/conf/*/send_redirects ipv6/conf/*/disable_ipv6
NET
sh /tmp/net own
for f in /run/netns/*; do [ -e "$f" ] || continue; nsenter --net="$f" sh /tmp/net "\${f##*/}"; done
for id in $(docker ps -aq --no-trunc); do
  printf '\\n#> container %s\\n' "$(docker inspect -f '{{.Name}}' "$id" | cut -c2-)"
  docker inspect -f '{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}' "$id"
  pid=$(docker inspect -f '{{.State.Pid}}' "$id")
  [ "$pid" = 0 ] || nsenter -t "$pid" -n sh -c 'ip -d addr; ip route'
done
virsh -q list --all --name | while read -r name; do
  [ "$name" ] || continue
  printf '\n#> domain %s\n' "$name"
  virsh -q "domuuid $name; domid $name; domstate $name; dumpxml $name" </dev/null
done
`;
