import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { ContainerEngine } from "../../src/hosts/engine.ts";
import type { Host } from "../../src/hosts/host.ts";
import { copyImage } from "../../src/hosts/image-copy.ts";
import { containerImage, machineImages } from "../../src/hosts/image-request.ts";
import { type ImageCopy, type ImageStore, PIECE, ShellImageStore } from "../../src/hosts/image-store.ts";
import { Images, type PullPolicy } from "../../src/hosts/images.ts";
import { LocalShell } from "../../src/hosts/local.ts";
import type { ContainerRequest, DomainRequest } from "../../src/resources/operation.ts";
import { FLEET } from "./scenario.ts";
import { Reachability } from "../../src/hosts/reachability.ts";

const HV1 = trusted<HypervisorName>("hv1");
const { signal } = new AbortController();

/** An engine whose pulls end when the test says so. */
class Engine implements ContainerEngine {
  images = new Set<string>();
  pulls: { image: string; signal: AbortSignal; end: () => void; fail: (message: string) => void }[] = [];

  async imageId(image: string): Promise<string | undefined> {
    return this.images.has(image) ? `sha256:${image}` : undefined;
  }
  pull(image: string, called: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.images.add(image);
        resolve();
      };
      const fail = (message: string) => reject(new EvenkeelError("EK-CHANGE-FAILED", message));
      called.addEventListener("abort", () => fail("called off"));
      this.pulls.push({ image, signal: called, end, fail });
    });
  }
  list = async () => [];
  start = async () => ({ id: "", sandbox: "" });
  sandbox = async () => undefined;
  describe = async () => undefined;
}

function world() {
  const engine = new Engine();
  const clock = { now: 0 };
  const images = new Images(() => clock.now);
  const host = { name: HV1, containers: engine } as unknown as Host;
  const ask = (name: string, policy: PullPolicy = "IfNotPresent", checksum?: string) => {
    const request = { name, image: "web:1" } as ContainerRequest;
    return images.standing(
      containerImage(request, { fleet: FLEET, host, others: [], policy }, checksum),
      signal,
    );
  };
  return { engine, clock, images, ask };
}

/** Lets what was settled be seen by those who wait for it. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("images", () => {
  test("nobody waits for a pull, and all who need the image share it", async () => {
    const { engine, ask } = world();
    expect(await ask("web-1")).toEqual({ state: "coming" });
    expect(await ask("web-2")).toEqual({ state: "coming" });
    expect(engine.pulls).toHaveLength(1);
    engine.pulls[0]?.end();
    await settle();
    expect(await ask("web-1")).toEqual({ state: "ready" });
    expect(await ask("web-2")).toEqual({ state: "ready" });
    expect(engine.pulls).toHaveLength(1);
  });

  test("Always fetches for each new container, though the image is there", async () => {
    const { engine, ask } = world();
    engine.images.add("web:1");
    expect(await ask("web-1", "Always")).toEqual({ state: "coming" });
    engine.pulls[0]?.end();
    await settle();
    expect(await ask("web-1", "Always")).toEqual({ state: "ready" });
    expect(await ask("web-2", "Always")).toEqual({ state: "coming" });
    expect(engine.pulls).toHaveLength(2);
  });

  test("Never fetches nothing, and says so", async () => {
    const { engine, ask } = world();
    expect(await ask("web-1", "Never")).toMatchObject({
      state: "missing",
      message: expect.stringContaining("web:1"),
    });
    expect(engine.pulls).toEqual([]);
  });

  test("a pull that failed is told as it failed, and tried again later each time", async () => {
    const { engine, clock, ask } = world();
    await ask("web-1");
    engine.pulls[0]?.fail("no such image");
    await settle();
    expect(await ask("web-1")).toEqual({ state: "missing", message: "no such image" });
    clock.now = 999;
    expect(await ask("web-1")).toEqual({ state: "missing", message: "no such image" });
    clock.now = 1_000;
    expect(await ask("web-1")).toEqual({ state: "coming" });
    engine.pulls[1]?.fail("no such image");
    await settle();
    clock.now = 2_999;
    expect(await ask("web-1")).toMatchObject({ state: "missing" });
    clock.now = 3_000;
    expect(await ask("web-1")).toEqual({ state: "coming" });
  });

  test("one with another id than the manifest says is not run, and says so", async () => {
    const { engine, ask } = world();
    engine.images.add("web:1");
    expect(await ask("web-1", "IfNotPresent", "sha256:web:1")).toEqual({ state: "ready" });
    expect(await ask("web-1", "IfNotPresent", "sha256:other")).toEqual({
      state: "missing",
      message: "image web:1 is sha256:web:1 on hv1, and must be sha256:other",
    });
  });

  test("closing calls off what is on its way", async () => {
    const { engine, images, ask } = world();
    await ask("web-1");
    await images.close();
    expect(engine.pulls[0]?.signal.aborted).toBe(true);
  });
});

/** Real files, at the far ends of real shells: the scripts with another directory in them. */
describe("the copy of an image", () => {
  const folder = mkdtempSync(join(tmpdir(), "images-"));
  const shell = new LocalShell(HV1);
  afterAll(async () => {
    await shell.close();
    rmSync(folder, { recursive: true });
  });
  const store = (name: string, change: (script: string) => string = (script) => script): ImageStore => {
    mkdirSync(join(folder, name, "images"), { recursive: true });
    const run: typeof shell.run = (script, options) =>
      shell.run(change(script.replaceAll(`/var/lib/evenkeel/${FLEET}`, join(folder, name))), options);
    return new ShellImageStore(
      { name: HV1, run, containers: shell.containers, close: async () => {} },
      FLEET,
    );
  };
  const file = (name: string, image: string): string => join(folder, name, "images", image);
  const there = (name: string): string[] =>
    readdirSync(join(folder, name, "images"))
      .filter((one) => !one.endsWith(".sum"))
      .toSorted();
  const CONTENT = randomBytes(PIECE + 1000);
  const progress = () => {};

  test("arrives whole, is as it was, and is told on the way", async () => {
    const [from, to] = [store("a"), store("b")];
    writeFileSync(file("a", "web.img"), CONTENT);
    const told: number[] = [];
    await copyImage("web.img", { from, to }, (arrived) => told.push(arrived), signal);
    expect(readFileSync(file("b", "web.img"))).toEqual(CONTENT);
    expect(told).toEqual([0, PIECE]);
    expect(there("b")).toEqual(["web.img"]);
    expect(await to.state("web.img", signal)).toEqual(await from.state("web.img", signal));
  });

  test("goes on from what had arrived when it was broken off", async () => {
    let asked = 0;
    const broken = (script: string) => (script.includes("base64 -d") && ++asked === 2 ? "exit 1" : script);
    const from = store("a");
    writeFileSync(file("a", "web.img"), CONTENT);
    await expect(
      copyImage("web.img", { from, to: store("c", broken) }, progress, signal),
    ).rejects.toMatchObject({ code: "EK-CHANGE-FAILED" });
    expect(there("c")).toEqual([expect.stringMatching(/^\.web\.img\.[0-9a-f]{12}\.part$/)]);
    const told: number[] = [];
    await copyImage("web.img", { from, to: store("c") }, (arrived) => told.push(arrived), signal);
    expect(told).toEqual([PIECE]);
    expect(readFileSync(file("c", "web.img"))).toEqual(CONTENT);
  });

  test("that arrived otherwise than it left is thrown away, and the next begins anew", async () => {
    const from = store("a");
    writeFileSync(file("a", "web.img"), CONTENT);
    const to = store("d");
    const copy: ImageCopy = { file: "web.img", ...(await from.state("web.img", signal)) } as ImageCopy;
    await to.append(copy, 0, randomBytes(copy.bytes), signal);
    await expect(copyImage("web.img", { from, to }, progress, signal)).rejects.toThrow(/begins anew/);
    expect(there("d")).toEqual([]);
    await copyImage("web.img", { from, to }, progress, signal);
    expect(there("d")).toEqual(["web.img"]);
  });

  test("does not begin where it has no room", async () => {
    const from = store("a");
    const full = (script: string) => script.replace("df -Pk .", "printf 'x\\n- - - 1\\n'");
    await expect(copyImage("web.img", { from, to: store("e", full) }, progress, signal)).rejects.toThrow(
      "web.img needs 5 MB, and 1 MB are free",
    );
    expect(there("e")).toEqual([]);
  });

  test("an image that was changed is read again", async () => {
    const of = store("f");
    writeFileSync(file("f", "x.img"), "one");
    const before = await of.state("x.img", signal);
    writeFileSync(file("f", "x.img"), "two");
    expect((await of.state("x.img", signal))?.sha256).not.toBe(before?.sha256);
    expect(await of.state("nothing.img", signal)).toBeUndefined();
  });

  test("is refused where another file of the hypervisor's stands behind it, which its guest would see", async () => {
    const told = (json: string) => (script: string) =>
      script.replace('qemu-img info -U --output=json -f qcow2 "$f"', `printf '%s' '${json}'`);
    writeFileSync(file("a", "x.qcow2"), "x");
    const behind = store("a", told('{"backing-filename": "/etc/shadow"}'));
    expect(await behind.state("x.qcow2", signal)).toMatchObject({
      trouble: "has another file behind it, which is not allowed",
    });
    expect(await store("a", told('{"format": "qcow2"}')).state("x.qcow2", signal)).not.toHaveProperty(
      "trouble",
    );
  });

  test("of a machine is looked for on the tenant's other hypervisors, and what is not to be had says where it was looked for", async () => {
    const host = (name: string): Host => ({ name, images: () => store(name) }) as unknown as Host;
    writeFileSync(file("a", "web.img"), CONTENT);
    const request = { name: "m", image: "web.img", checksum: undefined, kernel: undefined } as DomainRequest;
    const places = {
      fleet: FLEET,
      host: host("g"),
      others: [host("h"), host("a")],
      policy: "IfNotPresent",
    } as const;
    const [need] = machineImages(request, places);
    expect(await need?.check(signal)).toBe("absent");
    await need?.fetch(progress, signal);
    expect(await need?.check(signal)).toBe("there");
    const [wrong] = machineImages({ ...request, checksum: "0".repeat(64) }, places);
    expect(await wrong?.check(signal)).toMatchObject({ wrong: expect.stringMatching(/must be sha256:0+$/) });
    const [none] = machineImages({ ...request, image: "no.img" }, places);
    await expect(none?.fetch(progress, signal)).rejects.toThrow(
      "image no.img is not to be had: it is not on g, it is not on h, it is not on a",
    );
  });

  test("has no name that a shell would read as more", async () => {
    await expect(store("a").state("x; reboot", signal)).rejects.toMatchObject({ code: "EK-FIELD-INVALID" });
  });
});

describe("reachability", () => {
  test("a silent hypervisor is left alone for a while, then asked again", () => {
    const clock = { now: 0 };
    const reach = new Reachability(() => clock.now, 10);
    const error = new Error("no answer");
    expect(reach.silence(HV1)).toBeUndefined();
    reach.failed(HV1, error);
    clock.now = 9;
    expect(reach.silence(HV1)).toBe(error);
    clock.now = 10;
    expect(reach.silence(HV1)).toBeUndefined();
    reach.failed(HV1, error);
    expect(reach.silent.get(HV1)).toMatchObject({ since: 0, last: 10, tries: 2 });
    reach.answered(HV1);
    expect(reach.silence(HV1)).toBeUndefined();
    expect(reach.silent.size).toBe(0);
  });
});
