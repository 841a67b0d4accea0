import { test } from "@jest/globals";
import { FAULTS } from "./faults.ts";
import { play } from "./play.ts";
import { read, SCENARIOS } from "./scenarios.ts";
import { Stage } from "./stage.ts";
test("debug", async () => {
  const [s, f, at] = (process.env["PLAN"] ?? "").split("/");
  const scenario = SCENARIOS.find(({ name }) => name === s);
  const fault = FAULTS.find(({ name }) => name === f);
  if (!scenario || !fault) throw new Error("none");
  const reading = await read(scenario);
  const lines: string[] = [];
  const perform = Stage.prototype.perform;
  let n = 0;
  Stage.prototype.perform = function (this: Stage, step, what) {
    const before = this.monitor.violations.length;
    const answer = perform.call(this, step, what as never);
    const m = this.simulation.machines.map(
      ({ name, containers, fence, spaces }) =>
        `${name}: ${[...containers.values()]
          .filter((c) => !c.request.name.match(/^(database|copy)/))
          .map((c) => `${c.request.name.slice(-10)}=${c.state}`)
          .join(
            ",",
          )} f=${fence?.epoch}/${fence?.ledger?.slice(-3)}/${fence?.serial} ns=${[...spaces.values()].map((x) => (x.ipv4["nat"]?.rules ?? []).filter((r) => r.includes("to-dest")).length + (x.links.some((l) => l.name === "up0") ? "U" : "")).join(",")}`,
    );
    lines.push(
      `${n++} ${((this.clock.now() - Date.UTC(2026, 10, 28, 12)) / 1000).toFixed(1)} ${step.what} ${step.hypervisor} ${step.what === "change" ? JSON.stringify((answer as any).rest ?? "") : ""} | ${m.join(" | ")} ${this.monitor.violations.slice(before).join("!!")}`,
    );
    return answer as never;
  };
  const result = await play(scenario, reading, { fault, at: Number(at) });
  process.stdout.write(lines.join("\n") + "\n" + result.wrong.join("\n") + "\n");
}, 600000);
