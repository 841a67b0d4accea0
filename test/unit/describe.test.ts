import { describe, expect, test } from "@jest/globals";
import { eventsOf } from "../../src/cli/describe.ts";
import { describeObject, type Known } from "../../src/cli/describe-text.ts";
import { viewForesight } from "../../src/cli/observe-fleet.ts";
import { timeOfDay } from "../../src/cli/time-of-day.ts";
import type { KeptDecision } from "../../src/history/decisions.ts";
import type { Kept } from "../../src/history/record.ts";
import type { FleetObject } from "../../src/status/objects.ts";
import { foresight } from "./cli-values.ts";
import { each, NOW, record } from "./decision-values.ts";
import { pass, scenario, serving, subnet } from "./scenario.ts";

const now = NOW + 41_000;
const pause = { reason: "disk swap, ticket 411", until: "2026-11-24T18:00:00Z" };
const on = scenario({
  now: NOW,
  subnets: [
    subnet("web", 2, {
      service: serving(),
      autoscale: {
        mode: "auto",
        scaleOnContention: false,
        thresholds: { cpu: { min: 5, max: 10 } },
        step: 1,
        sampleSeconds: 5,
        windowSeconds: 15,
        cooldownSeconds: 60,
        pause,
      },
    }),
  ],
});
pass(on);
on.hypervisors = on.hypervisors.map((one) => ({ ...one, spec: { ...one.spec, unschedulable: true } }));
const { revision, ...seen } = foresight(on, [], {}, on.fleet);
const view = viewForesight({ ...seen, revision }, now);

const event: Kept = {
  time: NOW,
  first: NOW,
  count: 1,
  series: "a-1",
  kind: "event",
  type: "Normal",
  object: "replica/t2/web-2",
  reason: "ReplicaStarted",
  message: "on hv1: replicas wanted: 2, and so that it is a long one: to be wrapped where it stands",
};
const decision: KeptDecision = { ...event, kind: "decision", data: record(each(0.07, 0.07)), time: NOW };
const known: Known = { view, events: [event], decision, now };

const one = (objects: readonly FleetObject[]): FleetObject => {
  const [object] = objects;
  if (!object) throw new Error("there is none");
  return object;
};
const [since] = [...new Set(view.replicas.map(({ metadata }) => metadata.creationTimestamp ?? ""))];

describe("describe", () => {
  test("a subnet: what it is, how it stands, its replicas, what was decided and what happened", () => {
    const text = describeObject(one(view.subnets), known);
    const time = timeOfDay(Date.parse(since ?? ""));
    const ago = `${Math.floor((now - Date.parse(since ?? "")) / 1000)}s`;
    expect(text).toBe(`Name:          web
Kind:          Subnet
Tenant:        t2
Status:        Degraded: AsDesired
Network:       10.13.13.0/24
Service:       198.18.100.10, 80/TCP
Replicas:      0 ready of 2, between 2 and 2
Load:          not known
Thresholds:    cpu 5 % to 10 %, mode auto
Paused:        disk swap, ticket 411, until 2026-11-24T18:00:00Z
Conditions:
  Ready        True since ${time}, ${ago} ago: AsDesired: what stands is what was
               asked for
  Reconciling  False since ${time}, ${ago} ago
  Stalled      False since ${time}, ${ago} ago
  Degraded     True since ${time}, ${ago} ago: AsDesired: 0 of 2 replicas are
               known to serve
Replicas:
  NAME    STATUS     REASON        HYPERVISOR   ADDRESS      AGE
  web-1   NotReady   Progressing   hv1          10.13.13.2   ${ago}
  web-2   NotReady   Progressing   hv1          10.13.13.3   ${ago}
Decided:       web stays at 2: cpu 7 %, between 5 % and 10 %; nothing to do.
               (41s ago)
               reconcile why subnet/web -n t2
Events:
  ${timeOfDay(NOW)} 41s  Normal  ReplicaStarted replica/web-2 on hv1: replicas wanted: 2,
    and so that it is a long one: to be wrapped where it stands
`);
  });

  test("a hypervisor: its places, that it is cordoned, and what stands there, of all tenants", () => {
    const text = describeObject(one(view.hypervisors), { ...known, events: [] });
    expect(text).toContain("Status:        Ready,Cordoned: AsDesired\n");
    expect(text).toContain("Places:        2 of 50 taken\n");
    expect(text).toContain("Cordoned:      takes no new replicas: reconcile uncordon hypervisor/hv1\n");
    expect(text).toMatch(/Replicas:\n {2}NAMESPACE +NAME .*\n {2}t2 +web-1 /);
    expect(text).toMatch(/Events:\n {2}No events found\.\n$/);
    const other = view.hypervisors[1];
    expect(other && describeObject(other, known)).toContain("Replicas:\n  none\n");
  });

  test("a tenant and a replica", () => {
    expect(describeObject(one(view.tenants), known)).toMatch(/Home: {10}hv1\n[^]*Subnets:\n {2}NAME +READY/);
    const text = describeObject(one(view.replicas), { ...known, decision: undefined });
    expect(text).toMatch(/Subnet: {8}web\nHypervisor: {4}hv1\nPhase: {9}serving\n/);
    expect(text).not.toContain("Decided:");
  });

  test("keeps within 80 columns, and lets no control character through", () => {
    const loud = { ...event, message: `\u001b[31m${"held by somebody ".repeat(12)}` };
    for (const object of [...view.subnets, ...view.tenants, ...view.hypervisors, ...view.replicas]) {
      const text = describeObject(object, { ...known, events: [loud] });
      expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
      // oxlint-disable-next-line no-control-regex -- this is what must not be there
      expect(text).not.toMatch(/\u001b/);
    }
  });

  test.each([
    ["Hypervisor", view.hypervisors, "hypervisor/hv1"],
    ["Tenant", view.tenants, "tenant/t2 subnet/t2/web replica/t2/web-1 replica/t2/web-12 subnet/t2/web-1"],
    ["Subnet", view.subnets, "subnet/t2/web replica/t2/web-1 replica/t2/web-12"],
    ["Replica", view.replicas, "replica/t2/web-1"],
  ])("shows of a %s what happened to it", (_, objects, expected) => {
    const all =
      "hypervisor/hv1 tenant/t2 subnet/t2/web replica/t2/web-1 replica/t2/web-12 subnet/t2/web-1 subnet/t1/web fleet";
    expect(
      all
        .split(" ")
        .filter(eventsOf(one(objects)))
        .join(" "),
    ).toBe(expected);
  });
});
