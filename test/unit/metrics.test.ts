import { describe, expect, test } from "@jest/globals";
import { counted, HV1, NOTHING, SNAPSHOT } from "./metrics-values.ts";

/** Lines of our own metrics without comments, and without what tells the time. */
const seriesOf = (text: string, start: string): readonly string[] =>
  text.split("\n").filter((line) => line.startsWith(start));

describe("metrics", () => {
  test("of objects are what the snapshot says", async () => {
    const text = await counted().render(SNAPSHOT);
    for (const line of [
      'evenkeel_build_info{version="1.2.3",node="' + process.version + '"} 1',
      'evenkeel_revision_info{revision="88ab310",dirty="false"} 1',
      "evenkeel_revision_applied_timestamp_seconds 1799999940",
      'evenkeel_manifest_errors{tenant=""} 1',
      'evenkeel_manifest_errors{tenant="t2"} 0',
      'evenkeel_hypervisor_up{hypervisor="hv1"} 1',
      'evenkeel_hypervisor_up{hypervisor="hv2"} 0',
      'evenkeel_hypervisor_last_look_timestamp_seconds{hypervisor="hv1"} 1799999997',
      'evenkeel_hypervisor_load_ratio{hypervisor="hv1"} 0.12',
      'evenkeel_hypervisor_places{hypervisor="hv1",state="used"} 4',
      'evenkeel_hypervisor_places{hypervisor="hv1",state="free"} 46',
      'evenkeel_drift_resources{tenant="t2"} 3',
      'evenkeel_deletions_refused{tenant="t2"} 1',
      'evenkeel_subnet_replicas{tenant="t2",subnet="web",state="unknown"} 2',
      'evenkeel_subnet_replicas{tenant="t2",subnet="web",state="draining"} 0',
      'evenkeel_subnet_desired_replicas{tenant="t2",subnet="web"} 5',
      'evenkeel_subnet_min_replicas{tenant="t2",subnet="web"} 2',
      'evenkeel_subnet_max_replicas{tenant="t2",subnet="web"} 6',
      'evenkeel_subnet_load_ratio{tenant="t2",subnet="web",metric="cpu"} 0.182',
      'evenkeel_subnet_threshold_ratio{tenant="t2",subnet="web",metric="cpu",bound="max"} 0.6',
      'evenkeel_sample_age_seconds{tenant="t2",subnet="web"} 9',
      'evenkeel_scaling_blocked{tenant="t2",subnet="web",reason="NowhereToPlace"} 1',
      'evenkeel_paused{tenant="t2",subnet="web"} 1',
      'evenkeel_condition{kind="Subnet",tenant="t2",name="web",type="Ready",status="Unknown"} 1',
      'evenkeel_condition{kind="Subnet",tenant="t2",name="web",type="Ready",status="True"} 0',
      'workqueue_depth{name="tenant"} 2',
      'workqueue_unfinished_work_seconds{name="tenant"} 2',
      'workqueue_longest_running_processor_seconds{name="tenant"} 1.5',
    ])
      expect(text.split("\n")).toContain(line);
  });

  test("of what is not known are not there, for a zero would be a lie", async () => {
    const text = await counted().render(SNAPSHOT);
    expect(seriesOf(text, 'evenkeel_hypervisor_load_ratio{hypervisor="hv2"')).toEqual([]);
    expect(seriesOf(text, 'evenkeel_hypervisor_places{hypervisor="hv2"')).toEqual([]);
    expect(text).not.toContain('metric="memory"');
    expect(seriesOf(await counted().render(NOTHING), "evenkeel_revision")).toEqual([]);
  });

  test("that are counted are counted, and begin at zero", async () => {
    const text = await counted().render(SNAPSHOT);
    for (const line of [
      'controller_runtime_reconcile_total{controller="tenant",result="success"} 1',
      'controller_runtime_reconcile_total{controller="tenant",result="error"} 1',
      'controller_runtime_reconcile_total{controller="hypervisor",result="requeue_after"} 0',
      'controller_runtime_reconcile_errors_total{controller="tenant"} 1',
      'controller_runtime_reconcile_errors_total{controller="hypervisor"} 0',
      'controller_runtime_reconcile_time_seconds_count{controller="tenant"} 2',
      'controller_runtime_reconcile_time_seconds_count{controller="hypervisor"} 0',
      'workqueue_adds_total{name="tenant"} 1',
      'workqueue_retries_total{name="hypervisor"} 0',
      'workqueue_queue_duration_seconds_count{name="tenant"} 1',
      'workqueue_work_duration_seconds_sum{name="tenant"} 0.3',
      'evenkeel_look_duration_seconds_count{hypervisor="hv1"} 1',
      'evenkeel_actions_total{hypervisor="hv1",kind="container",verb="add",result="done"} 1',
      'evenkeel_decisions_total{direction="out",reason="AboveMax"} 1',
      "evenkeel_drain_duration_seconds_count 1",
      "evenkeel_drain_connections_cut_total 0",
      "evenkeel_ledger_write_errors_total 1",
    ])
      expect(text.split("\n")).toContain(line);
  });

  test("have no label out of a sentence", async () => {
    const text = await counted().render(SNAPSHOT);
    expect(seriesOf(text, 'evenkeel_decisions_total{direction="none"')).toEqual([
      'evenkeel_decisions_total{direction="none",reason="other"} 1',
    ]);
  });

  test("go with their object, those that are counted too, and come back with it from zero", async () => {
    const metrics = counted();
    await metrics.render(SNAPSHOT);
    const text = await metrics.render(NOTHING);
    expect(text).not.toMatch(/hypervisor="|subnet="|tenant="t2"|workqueue_depth\{/);
    metrics.changes.acted({ hypervisor: HV1, kind: "container", verb: "add", result: "done" });
    expect(seriesOf(await metrics.render(SNAPSHOT), "evenkeel_actions_total")).toEqual([
      'evenkeel_actions_total{hypervisor="hv1",kind="container",verb="add",result="done"} 1',
    ]);
  });

  test("tell of the process", async () => {
    const text = await counted().render(NOTHING);
    for (const name of [
      "process_cpu_seconds_total ",
      "process_resident_memory_bytes ",
      "nodejs_eventloop_lag_seconds ",
    ])
      expect(seriesOf(text, name)).toHaveLength(1);
  });
});
