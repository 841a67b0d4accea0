import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { TenantState } from "../../src/status/state.ts";
import { complaints } from "../unit/state-schema.ts";
import {
  type Background,
  eventually,
  type Fleet,
  type Host,
  type Hv,
  Lab,
  namespace,
  type Ran,
} from "./lab.ts";

jest.setTimeout(120_000);

const T2 = "provider/t2.yaml";
const ADDRESS = "198.18.100.20";

let lab: Lab;
let fleet: Fleet;
let keys: string;

beforeAll(async () => {
  lab = await Lab.up("bastion");
  fleet = lab.fleet();
  keys = join(fleet.tree, "..", "ssh");
  mkdirSync(keys, { recursive: true });
  for (const name of ["own", "other"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(keys, name)]);
  fleet.edit(T2, "  quota:", `${bastion("own")}\n  quota:`);
  await lab.converge(fleet);
});
afterAll(() => lab.down());

const publicKey = (name: string): string => readFileSync(join(keys, `${name}.pub`), "utf8").trim();
const bastion = (key: string, address = ADDRESS): string =>
  `  bastion: {address: ${address}, image: "evenkeel/bastion:1", authorizedKeys: ["${publicKey(key)}"]}`;

const SSH_OPTIONS = [
  "IdentitiesOnly=yes",
  "BatchMode=yes",
  "ConnectTimeout=3",
  "StrictHostKeyChecking=accept-new",
];

interface Login {
  readonly key?: string;
  readonly from?: Host;
  readonly port?: number;
  readonly address?: string;
}

/** SSH from a host of the lab, with a host key that is known once it was seen. */
const ssh = (command: string, login: Login = {}): Promise<Ran> => lab.try(...sshTo(login, [], [command]));

const sshTo = (
  { key = "own", from = "client", port = 22, address = ADDRESS }: Login,
  options: readonly string[],
  command: readonly string[],
): [Host, string[]] => [
  from,
  [
    "ssh",
    "-F",
    "/dev/null",
    "-i",
    join(keys, key),
    "-p",
    String(port),
    ...SSH_OPTIONS.flatMap((option) => ["-o", option]),
    "-o",
    `UserKnownHostsFile=${join(keys, "known")}`,
    ...options,
    `root@${address}`,
    ...command,
  ],
];

/** It answers as soon as sshd listens, which is a moment after its container runs. */
const login = (to: Login = {}): Promise<Ran> =>
  eventually("its sshd answers", async () => {
    const ran = await ssh("hostname", to);
    return ran.code === 0 && ran;
  });

/** What the bastion gets from an address and port by HTTP; without a connection the code is 1. */
const asks = async (peer: string, path = "/", to: Login = {}): Promise<Ran & { readonly head: string }> => {
  const ran = await ssh(`perl -MIO::Socket::INET -e '${GET}' ${peer} ${path}`, to);
  const [head = "", stdout = ""] = ran.stdout.split("\r\n\r\n");
  return { ...ran, head, stdout };
};

const GET = `$s = IO::Socket::INET->new(PeerAddr => shift, Timeout => 2) or exit 1;
print $s "GET $ARGV[0] HTTP/1.0\\r\\n\\r\\n"; local $/; print <$s>;`;

const containers = async (hv: Hv = "hv1"): Promise<string[]> =>
  (
    await lab.sh(
      hv,
      "docker ps --no-trunc --filter label=dev.evenkeel.role=bastion --format '{{.ID}} {{.Names}}'",
    )
  )
    .split("\n")
    .filter(Boolean);

test("the tenant's key lets in, at its address; another key and other ports do not", async () => {
  expect((await login()).stdout.trim()).toBe("bastion");
  expect((await ssh("hostname", { key: "other" })).stderr).toContain("Permission denied (publickey)");
  for (const port of [21, 80, 2222]) expect((await ssh("hostname", { port })).code).toBe(255);
  expect((await ssh("hostname", { from: "neighbour" })).stdout.trim()).toBe("bastion");
  expect(await containers()).toHaveLength(1);
  expect(await lab.sh("hv2", "docker ps -q --filter label=dev.evenkeel.role=bastion")).toBe("");
});

test("from it every replica is reached over the management network, on both hypervisors", async () => {
  const replicas = await lab.containers("t2");
  expect(new Set(replicas.map(({ hv }) => hv))).toEqual(new Set(["hv1", "hv2"]));
  for (const { managementAddress, replica } of replicas) {
    const { stdout, stderr, code } = await asks(`${managementAddress}:8080`);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ hostname: replica, greeting: "hello from t2" });
  }
});

test("it reaches neither the data path, nor a service, nor the gateway, nor anybody outside", async () => {
  const [replica] = await lab.containers("t2");
  const targets = [
    `${replica?.address}:8080`,
    `${fleet.service("t1")}:80`,
    `${fleet.service("t2")}:80`,
    "10.13.13.1:53",
    "192.168.252.1:53",
    `${lab.hosts.client}:22`,
  ];
  for (const peer of targets) expect([peer, (await asks(peer)).code]).toEqual([peer, 1]);
  // It has one interface, and no raw sockets to make itself another's.
  expect((await ssh("ip -o -4 addr show scope global")).stdout.trim().split("\n")).toHaveLength(1);
  expect((await ssh("ip link add x type dummy")).code).not.toBe(0);
});

test("replicas reach each other over the management network as little as before", async () => {
  const [one, other] = await lab.containers("t2");
  if (!one || !other) throw new Error("two replicas were expected");
  const { code } = await lab.tryInside(one, `curl -s -m 2 http://${other.managementAddress}:8080/`);
  expect(code).not.toBe(0);
});

test("a replica is not let in over the management network, even with the key", async () => {
  const [replica] = await lab.containers("t2");
  if (!replica) throw new Error("a replica was expected");
  const options = "-F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
  const { code, stderr } = await lab.tryInside(
    replica,
    `ssh ${options} -o ConnectTimeout=3 -i ${join(keys, "own")} root@192.168.252.254 hostname`,
  );
  expect([code, stderr]).toEqual([255, expect.stringContaining("Permission denied")]);
});

test("a second --once does nothing", async () => {
  const before = await lab.snapshots();
  await lab.converge(fleet);
  expect(await lab.snapshots()).toEqual(before);
});

test("export reads it back with its keys: diff against what was written shows no difference", async () => {
  const files = fleet.files();
  fleet.remove(T2, "tenants/t2");
  expect((await lab.reconcile(fleet, "export", "-n", "t2", "--write")).code).toBe(0);
  expect(fleet.read(T2)).toContain(publicKey("own"));
  const { code, stdout } = await lab.reconcile(fleet, "diff");
  expect([code, stdout]).toEqual([0, ""]);
  fleet.restore(files);
});

test("removed by hand, it is made again with the same host key; the other tenant is as it was", async () => {
  const key = readFileSync(join(keys, "known"), "utf8");
  const [before = ""] = await containers();
  const others = await lab.containers("t1");
  await lab.sh("hv1", `docker rm -f ${before.split(" ")[0]}`);
  await lab.converge(fleet);
  const [after = ""] = await containers();
  expect(after.split(" ")[0]).not.toBe(before.split(" ")[0]);
  await login();
  expect(readFileSync(join(keys, "known"), "utf8")).toBe(key);
  expect(await lab.containers("t1")).toEqual(others);
});

describe("its tenant's snapshot", () => {
  const SHOWN = "192.168.252.254:9480";
  const WEB = "tenants/t2/web.yaml";
  const OTHER: Login = { address: "198.18.100.21" };
  let files: Readonly<Record<string, string>>;
  let daemon: Background;

  beforeAll(async () => {
    files = fleet.files();
    fleet.edit("provider/t1.yaml", "  quota:", `${bastion("own", OTHER.address)}\n  quota:`);
    fleet.edit(WEB, "min: 3, max: 6", "min: 3, max: 4");
    fleet.write(
      WEB,
      `${fleet.read(WEB)}\n  autoscale: {thresholds: {cpu: {min: 5, max: 20}}, sampleSeconds: 2, windowSeconds: 4, cooldownSeconds: 600}\n`,
    );
    await lab.converge(fleet);
    await Promise.all([login(), login(OTHER)]);
  });
  afterAll(async () => {
    expect((await daemon.stop()).code).toBe(0);
    fleet.restore(files);
    await lab.converge(fleet);
  });

  const read = async (to: Login = {}): Promise<TenantState | undefined> => {
    const { head, stdout } = await asks(SHOWN, "/state.json", to);
    return / 200 /.test(head) ? (JSON.parse(stdout) as TenantState) : undefined;
  };

  test("is as --once left it before a daemon runs, and nothing else is there", async () => {
    const state = await eventually("it is there", read);
    expect(state.subnets.flatMap(({ replicas }) => replicas.map((one) => one.incarnation))).toEqual(
      (await lab.containers("t2")).map((one) => one.incarnation),
    );
    for (const path of ["/", "/host_key", "/../../etc/evenkeel/host_key", "/%2e%2e/%2e%2e/etc/passwd"])
      expect([path, (await asks(SHOWN, path)).head]).toEqual([path, expect.not.stringMatching(/ 200 /)]);
  });

  test("follows a scale-up, in both formats", async () => {
    daemon = lab.daemon(fleet);
    const before = await eventually("it is there", read);
    expect(complaints(before)).toEqual([]);
    expect(before).toMatchObject({ metadata: { name: "t2" }, status: "idle", scaledReplicas: 0 });
    const work = `while :; do curl -s -m 2 'http://${fleet.service("t2")}/burn?ms=50'; done`;
    const load = lab.begin("client", ["sh", "-c", work]);
    const state = await eventually(
      "it says so",
      async () => {
        const now = await read();
        const isWhole = now?.subnets.every(({ replicas }) => replicas.every(({ ready }) => ready === "yes"));
        return now?.status === "scaledup" && isWhole && now;
      },
      90,
    );
    await load.stop();
    expect(complaints(state)).toEqual([]);
    const standing = await lab.containers("t2");
    expect(
      state.subnets.flatMap(({ replicas }) =>
        replicas.map((one) => [one.name, one.incarnation, one.hypervisor, one.address, one.scaleOrder]),
      ),
    ).toEqual(
      standing.map((one, index) => [one.replica, one.incarnation, one.hv, one.address, index < 3 ? 0 : 1]),
    );
    const legacy = await asks(SHOWN, "/state.legacy.json");
    expect(legacy.head).toMatch(/content-type: application\/json/i);
    expect(JSON.parse(legacy.stdout)).toMatchObject({
      TName: "t2",
      Details: [{ SubnetName: "batch" }, { SubnetName: "web", status: "scaledup", num_scaled_cons: "1" }],
    });
  });

  test("is read from outside through SSH", async () => {
    const request = "GET /state.json HTTP/1.0\r\n\r\n";
    const { stdout } = await lab.try(...sshTo({}, ["-W", SHOWN], []), request);
    expect(JSON.parse(stdout.split("\r\n\r\n")[1] ?? "")).toMatchObject({ metadata: { name: "t2" } });
  });

  test("is its replicas' to read as well", async () => {
    const [replica] = await lab.containers("t2");
    if (!replica) throw new Error("a replica was expected");
    const { stdout } = await lab.tryInside(replica, `curl -s -m 2 http://${SHOWN}/state.json`);
    expect(JSON.parse(stdout)).toMatchObject({ metadata: { name: "t2" } });
  });

  test("is no other tenant's: from its bastion and its replicas that one sees its own", async () => {
    const [replica] = await lab.containers("t1");
    if (!replica) throw new Error("a replica was expected");
    const own = await eventually("its own is there", () => read(OTHER));
    const { stdout } = await lab.tryInside(replica, `curl -s -m 2 http://${SHOWN}/state.json`);
    for (const state of [own, JSON.parse(stdout) as TenantState]) {
      expect(state.metadata.name).toBe("t1");
      for (const { incarnation } of await lab.containers("t2"))
        expect(JSON.stringify(state)).not.toContain(incarnation);
    }
  });

  test("is nobody's outside, not even with a route to where it is", async () => {
    const codeOf = async (from: Host, host: string): Promise<number> =>
      (await lab.try(from, ["curl", "-s", "-m", "2", `http://${host}/state.json`])).code;
    for (const from of ["client", "neighbour"] as const)
      expect([from, await codeOf(from, `${ADDRESS}:9480`)]).not.toEqual([from, 0]);
    await lab.sh("neighbour", `ip route add 192.168.252.254/32 via ${ADDRESS}`);
    expect(await codeOf("neighbour", SHOWN)).not.toBe(0);
    await lab.sh("neighbour", "ip route del 192.168.252.254/32");
  });

  test("cannot be written by who is logged in", async () => {
    expect((await ssh("echo x >/srv/evenkeel/state.json")).stderr).toContain("Read-only file system");
    expect((await ssh("mount -o remount,rw /srv/evenkeel")).code).not.toBe(0);
  });
});

test("moves with its tenant's home, and has the host key that is known, there and back", async () => {
  const move = async (from: "hv1" | "hv2", to: "hv1" | "hv2"): Promise<void> => {
    fleet.edit(T2, `primary: ${from}`, `primary: ${to}`);
    fleet.edit(T2, `[{name: ${to}}]`, `[{name: ${from}}]`);
    await lab.converge(fleet);
    expect([await containers(from), await containers(to)]).toEqual([[], [expect.anything()]]);
    // One that is not the known one is turned away.
    await login();
  };
  await move("hv1", "hv2");
  expect(await lab.sh("hv2", "stat -c %a /var/lib/evenkeel/campus/bastions/t2/host_key")).toBe("600\n");
  await move("hv2", "hv1");
});

test("another key of the tenant's makes another, which the old one does not open; replicas stay", async () => {
  const replicas = await lab.containers("t2");
  fleet.edit(T2, publicKey("own"), publicKey("other"));
  await lab.converge(fleet);
  await eventually(
    "it lets the new key in",
    async () => (await ssh("hostname", { key: "other" })).code === 0,
  );
  expect((await ssh("hostname")).stderr).toContain("Permission denied (publickey)");
  expect(await containers()).toHaveLength(1);
  expect(await lab.containers("t2")).toEqual(replicas);
});

test("an image without sshd is named, exit 3, and nothing else suffers", async () => {
  const replicas = await lab.containers("t2");
  fleet.edit(T2, "evenkeel/bastion:1", "evenkeel/web:1");
  const { code, stdout, stderr } = await lab.once(fleet, "--timeout", "15s");
  expect(code).toBe(3);
  expect((stdout + stderr).replaceAll(/\s+/g, " ")).toMatch(/bastion.* ended at once, with exit code 127/);
  expect(await lab.containers("t2")).toEqual(replicas);
  fleet.edit(T2, "evenkeel/web:1", "evenkeel/bastion:1");
  await lab.converge(fleet);
});

test("no longer written, it goes with its port, its rules and its address", async () => {
  fleet.edit(T2, /\n {2}bastion: .*/, "");
  await lab.converge(fleet);
  expect(await lab.sh("hv1", "docker ps -aq --filter label=dev.evenkeel.role=bastion")).toBe("");
  const shown = await lab.sh(
    "hv1",
    `ip -n ${namespace("t2")} -4 addr; ip netns exec ${namespace("t2")} iptables-save`,
  );
  expect(shown).not.toContain(ADDRESS);
  expect(shown).not.toContain("192.168.252.254");
  rmSync(keys, { recursive: true });
  expect(existsSync(keys)).toBe(false);
});
