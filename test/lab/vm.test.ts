import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { eventually, type Fleet, HYPERVISORS, type Hv, Lab, tally } from "./lab.ts";
import { fleetOfMachines, kernelWorkload, machines, subnetOfMachines } from "./machines.ts";

jest.setTimeout(180_000);

let lab: Lab;
let fleet: Fleet;

const IMAGES = ["web-vmlinux", "web-initrd", "web.qcow2", "broken.qcow2"];
const URL = "http://198.18.100.10/";
const WEB = "tenants/t2/web.yaml";
const web = (version: number, min = 2): string =>
  subnetOfMachines("web", kernelWorkload(lab, version), { cidr: "10.13.13.0/24", min });
const answers = async (count = 6, url = URL) => tally(await lab.requests("client", url, count, 10));
const states = async (): Promise<string[]> =>
  (await machines(lab)).map(({ replica, hv, state }) => `${replica}@${hv} ${state}`);

beforeAll(async () => {
  lab = await Lab.up("vm");
  fleet = fleetOfMachines(lab);
  fleet.remove("tenants/t1", "provider/t1.yaml", "tenants/t2/batch.yaml");
  fleet.write(WEB, web(1));
  await lab.giveImages("hv1", IMAGES);
});
afterAll(() => lab.down());

test("virtual machines are defined, linked and balanced, and a second apply changes nothing", async () => {
  const first = await lab.converge(fleet);
  expect(await states()).toEqual(["web-1@hv1 running", "web-2@hv2 running"]);
  expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });

  // What only home had was copied to the standby, in whole; and neither has a key to the other.
  expect(first.stderr.replace(/\s+/g, " ")).toContain("web-2@hv2: waits for image web-");
  const sums = async (hv: Hv) =>
    (await lab.sh(hv, "cd /var/lib/evenkeel/campus/images && sha256sum web-vmlinux web-initrd")).split("\n");
  expect(await sums("hv2")).toEqual(await sums("hv1"));
  expect(await lab.sh("hv2", "ls -A /var/lib/evenkeel/campus/images")).not.toContain(".part");
  expect(await lab.sh("hv2", "ls -A /root/.ssh")).toBe("authorized_keys\n");

  for (const { hv, mark, name } of await machines(lab)) {
    expect(mark).toMatchObject({ fleet: "campus", tenant: "t2", subnet: "web" });
    // Both taps are ports of the tenant's bridges, marked and locked, and the hypervisor's own namespace has none.
    const links = JSON.parse(await lab.inTenant(hv, "t2", "ip -j -d link show type tun")) as {
      ifname: string;
      master: string;
      mtu: number;
      group: string;
      ifalias: string;
      linkinfo: { info_slave_data: { locked: boolean; learning: boolean; isolated: boolean } };
    }[];
    const { incarnation } = mark;
    expect(
      links
        .map(({ ifname, master, mtu, ifalias, linkinfo: { info_slave_data: flags } }) => [
          ifname,
          master,
          mtu,
          ifalias,
          flags.locked,
          flags.learning,
          flags.isolated,
        ])
        .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    ).toEqual([
      [`m${incarnation}`, "mgmt", 1450, `campus:t2/web ${name.split(".")[2]} port v1`, true, false, true],
      [`w${incarnation}`, "br-web", 1450, `campus:t2/web ${name.split(".")[2]} port v1`, true, false, false],
    ]);
    expect(await lab.sh(hv, "ip -br link show type tun")).toBe("");
  }

  const before = await machines(lab);
  const again = await lab.converge(fleet);
  expect(again.stdout).toContain("No change needed");
  expect(await machines(lab)).toEqual(before);
});

describe("trouble", () => {
  test("QEMU that was killed is started again with the same disk and name", async () => {
    const [first] = await machines(lab);
    await lab.sh("hv1", `kill -9 ${first?.pid}`);
    await eventually("libvirt notices", async () => (await states())[0] === "web-1@hv1 shut off");
    await lab.converge(fleet);
    const [again] = await machines(lab);
    expect(again).toMatchObject({ uuid: first?.uuid, state: "running" });
    expect(again?.pid).not.toBe(first?.pid);
    expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });
  });

  test("one that was suspended by hand goes on", async () => {
    const [, second] = await machines(lab);
    await lab.sh("hv2", `virsh suspend ${second?.uuid}`);
    await lab.converge(fleet);
    expect(await states()).toEqual(["web-1@hv1 running", "web-2@hv2 running"]);
  });

  test("and a daemon hears of that at once", async () => {
    const [, second] = await machines(lab);
    const daemon = lab.daemon(fleet);
    await eventually(
      "it listens",
      async () => (await lab.try("hv2", ["pgrep", "-f", "virsh .* event"])).code === 0,
    );
    await lab.sh("hv2", `virsh suspend ${second?.uuid}`);
    await eventually("it goes on", async () => (await states())[1] === "web-2@hv2 running");
    expect((await daemon.stop()).code).toBe(0);
  });

  test("one that lost a tap is started again, for nothing else brings it back", async () => {
    const [first] = await machines(lab);
    await lab.inTenant("hv1", "t2", `ip link del w${first?.mark["incarnation"]}`);
    await lab.converge(fleet);
    const [again] = await machines(lab);
    expect(again?.uuid).toBe(first?.uuid);
    expect(again?.pid).not.toBe(first?.pid);
    expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });
  });

  test("while libvirt does not answer nothing is done to its machines, which serve on", async () => {
    const before = await machines(lab);
    await lab.endLibvirt("hv2", "KILL");
    const ran = await lab.once(fleet);
    expect(ran.code).toBe(3);
    expect(ran.stdout + ran.stderr).toContain("libvirt does not answer there");
    expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });
    await lab.hack("up");
    expect((await lab.converge(fleet)).stdout).toContain("No change needed");
    expect(await machines(lab)).toEqual(before);
  });

  test("after a power cut they are started once their bridges stand", async () => {
    const before = await machines(lab);
    await lab.hack("reboot", "hv1");
    expect((await states())[0]).toBe("web-1@hv1 shut off");
    await lab.converge(fleet);
    const after = await machines(lab);
    expect(after.map(({ uuid }) => uuid)).toEqual(before.map(({ uuid }) => uuid));
    expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });
  });

  test("with the ledger lost, they are adopted by their marks", async () => {
    const before = await machines(lab);
    fleet.forget();
    expect((await lab.converge(fleet)).stdout).toContain("No change needed");
    expect(await machines(lab)).toEqual(before);
  });
});

test("a changed kernel argument rolls them, and nobody who asks is left without an answer", async () => {
  fleet.write(WEB, web(2));
  const client = lab.begin("client", ["node", join(process.cwd(), "test/lab/client.mjs"), URL, "100"]);
  await lab.converge(fleet);
  const { stdout } = await client.stop();
  const given = stdout.split("\n").filter(Boolean);
  expect(given.length).toBeGreaterThan(20);
  expect(given.filter((line) => !line.includes('"status":200'))).toEqual([]);
  const versions = (await lab.requests("client", URL, 4, 10)).map(({ version }) => version);
  expect(versions).toEqual(["2", "2", "2", "2"]);
  expect(await machines(lab)).toHaveLength(2);
});

test("a mixed tenant: a subnet on disks with seeds beside one of containers", async () => {
  const workload =
    '{runtime: libvirt, image: web.qcow2, userData: "#cloud-config\\n", ports: [{name: http, containerPort: 8080}],' +
    " resources: {cpu: 1, memory: 128Mi}}";
  const disks = (min: number) => subnetOfMachines("web", workload, { cidr: "10.13.13.0/24", min });
  fleet.write(WEB, disks(2));
  const box = "{image: evenkeel/web:1, ports: [{name: http, containerPort: 8080}]}";
  fleet.write("tenants/t2/box.yaml", subnetOfMachines("box", box, { cidr: "10.13.14.0/24", port: 81 }));
  await lab.converge(fleet);
  expect(await answers()).toEqual({ "web-1": 3, "web-2": 3 });
  expect(await answers(3, "http://198.18.100.10:81/")).toEqual({ "box-1": 3 });
  const found = await machines(lab);
  expect(found).toHaveLength(2);
  expect(found.map(({ hv }) => hv)).toContain("hv2");
  for (const { hv, name } of found) {
    const disk = `/var/lib/evenkeel/campus/domains/${name}/disk.qcow2`;
    const info = JSON.parse(await lab.sh(hv, `qemu-img info -U --output=json ${disk}`)) as {
      "backing-filename": string;
    };
    expect(info["backing-filename"]).toBe("/var/lib/evenkeel/campus/images/web.qcow2");
    // hv1's libvirt has QEMU run as root, hv2's as Debian has it: as a user of its own, who owns what it writes.
    const owners = await lab.sh(hv, `stat -c %U ${disk} /proc/$(cat /run/libvirt/qemu/${name}.pid)`);
    expect(owners.split("\n").slice(0, 2)).toEqual(
      hv === "hv1" ? ["root", "root"] : ["libvirt-qemu", "libvirt-qemu"],
    );
  }

  fleet.write(WEB, disks(1));
  await lab.converge(fleet);
  expect(await answers()).toEqual({ "web-1": 6 });
});

describe("what a machine is made of", () => {
  const disk = (image: string, more = "") =>
    `{runtime: libvirt, image: ${image}, ports: [{name: http, containerPort: 8080}], resources: {cpu: 1, memory: 128Mi}, startSeconds: 5${more}}`;
  const extra = (image: string, more = "") =>
    fleet.write(
      "tenants/t2/extra.yaml",
      subnetOfMachines("extra", disk(image, more), { cidr: "10.13.15.0/24", port: 82 }),
    );
  const says = async (...args: string[]): Promise<string> => {
    const ran = await lab.reconcile(fleet, "--once", "--timeout", "5s", ...args);
    expect(ran.code).toBe(3);
    return (ran.stdout + ran.stderr).replace(/\s+/g, " ");
  };
  afterEach(async () => {
    fleet.remove("tenants/t2/extra.yaml");
    await lab.converge(fleet);
  });

  test("and is nowhere, is told with where it was looked for, and the others serve on", async () => {
    extra("nowhere.qcow2");
    expect(await says()).toContain(
      "image nowhere.qcow2 is not to be had: it is not on hv2, it is not on hv1",
    );
    expect(await answers()).toEqual({ "web-1": 6 });
  });

  test("must have its checksum", async () => {
    extra("web.qcow2", `, checksum: "sha256:${"0".repeat(64)}"`);
    expect(await says()).toContain(
      `image web.qcow2 is sha256:${lab.imageChecksum("web.qcow2")} on hv2, and must be sha256:0000`,
    );
  });

  test("must not have a file of the hypervisor's behind it, which its guest would see", async () => {
    await lab.sh(
      "hv2",
      "qemu-img create -q -f qcow2 -F raw -b /etc/shadow /var/lib/evenkeel/campus/images/thief.qcow2",
    );
    extra("thief.qcow2");
    expect(await says()).toContain(
      "image thief.qcow2 on hv2 has another file behind it, which is not allowed",
    );
  });

  test("that never boots is replaced by fresh ones a few times, and then ever more seldom", async () => {
    extra("broken.qcow2");
    const ran = await lab.reconcile(fleet, "--once", "--timeout", "40s");
    expect(ran.code).toBe(3);
    const said = (ran.stdout + ran.stderr).replace(/\s+/g, " ");
    expect(said).toContain("did not come up 3 times");
    expect(said).toContain("console.log");
    expect(await answers()).toEqual({ "web-1": 6 });
  });
});

test("a container's image that only home has goes to the standby the same way", async () => {
  await lab.sh("hv2", "docker rmi -f evenkeel/web:1");
  const id = "docker image inspect -f '{{.Id}}' evenkeel/web:1";
  const box = "{image: evenkeel/web:1, ports: [{name: http, containerPort: 8080}]}";
  fleet.write(
    "tenants/t2/box.yaml",
    subnetOfMachines("box", box, { cidr: "10.13.14.0/24", port: 81, min: 3 }),
  );
  await lab.converge(fleet);
  const boxes = await lab.containers("t2", "box");
  expect(boxes.map(({ hv }) => hv)).toContain("hv2");
  expect(await lab.sh("hv2", id)).toBe(await lab.sh("hv1", id));
  for (const hv of HYPERVISORS)
    expect(await lab.sh(hv, "ls -A /var/lib/evenkeel/campus/images")).not.toContain("docker-");
});

test("a tenant that goes takes its machines, their disks and links along", async () => {
  fleet.remove("tenants/t2", "provider/t2.yaml");
  fleet.write(
    "provider/t9.yaml",
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Tenant\nmetadata: {name: t9}\nspec: {primary: hv1}\n",
  );
  await lab.converge(fleet);
  expect(await machines(lab)).toEqual([]);
  for (const hv of HYPERVISORS) {
    expect(await lab.sh(hv, "ls /var/lib/evenkeel/campus/domains")).toBe("");
    expect(await lab.sh(hv, "ip netns list")).not.toContain("campus.t2");
  }
});
