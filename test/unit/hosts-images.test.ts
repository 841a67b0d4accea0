import { describe, expect, test } from "@jest/globals";
import { EvenkeelError } from "../../src/api/errors.ts";
import { type HypervisorName, trusted } from "../../src/api/names.ts";
import type { ContainerEngine } from "../../src/hosts/host.ts";
import { type ImageRequest, Images, type PullPolicy } from "../../src/hosts/images.ts";
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
  const ask = (container: string, policy: PullPolicy = "IfNotPresent") => {
    const request: ImageRequest = { hypervisor: HV1, engine, image: "web:1", policy, container };
    return images.standing(request, signal);
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

  test("closing calls off what is on its way", async () => {
    const { engine, images, ask } = world();
    await ask("web-1");
    await images.close();
    expect(engine.pulls[0]?.signal.aborted).toBe(true);
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
