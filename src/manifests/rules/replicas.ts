import { EvenkeelError } from "../../api/errors.ts";
import { parseCpu, parseMemory, type Quantity } from "../../api/quantities.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { hypervisorRule, subnetRule } from "./rule.ts";

/** Docker runs nothing with less. */
const LEAST_CPU = "10m";
const LEAST_MEMORY = "6Mi";
const RESOURCES = ["spec", "workload", "resources"];

/** What is wrong with a quantity: not one, or below the least that is of use. */
function quantity(
  parse: (quantity: Quantity) => number,
  found: Quantity | undefined,
  least: string,
  path: Path,
): readonly Fault[] {
  if (found === undefined) return [];
  try {
    if (parse(found) >= parse(least)) return [];
    return [{ code: "EK-FIELD-INVALID", path, message: `must be at least ${least}, found ${show(found)}` }];
  } catch (error) {
    if (!(error instanceof EvenkeelError)) throw error;
    return [{ code: error.code, path, message: error.message }];
  }
}

/** Counts, sizes and times of replicas, within one document. */
export const REPLICA_RULES = [
  subnetRule(["spec.replicas"], ({ spec: { replicas } }) =>
    replicas.min <= replicas.max
      ? []
      : [
          {
            code: "EK-FIELD-INVALID",
            path: ["spec", "replicas", "min"],
            message: `must be at most max, which is ${replicas.max}; found ${replicas.min}`,
          },
        ],
  ),
  subnetRule(["spec.workload.image", "spec.workload.kernel"], ({ spec: { workload } }) =>
    workload.image !== undefined || workload.kernel !== undefined
      ? []
      : [
          {
            code: "EK-FIELD-MISSING",
            path: ["spec", "workload", "image"],
            message: "must be given: an image reference such as evenkeel/web:1",
          },
        ],
  ),
  subnetRule(["spec.workload.resources.cpu"], ({ spec }) =>
    quantity(parseCpu, spec.workload.resources.cpu, LEAST_CPU, [...RESOURCES, "cpu"]),
  ),
  subnetRule(["spec.workload.resources.memory"], ({ spec }) =>
    quantity(parseMemory, spec.workload.resources.memory, LEAST_MEMORY, [...RESOURCES, "memory"]),
  ),
  hypervisorRule(["spec.capacity.cpu"], ({ spec }) =>
    quantity(parseCpu, spec.capacity.cpu, "0", ["spec", "capacity", "cpu"]),
  ),
  hypervisorRule(["spec.capacity.memory"], ({ spec }) =>
    quantity(parseMemory, spec.capacity.memory, "0", ["spec", "capacity", "memory"]),
  ),
  subnetRule(["spec.update"], ({ spec: { update } }) =>
    update.maxSurge > 0 || update.maxUnavailable > 0
      ? []
      : [
          {
            code: "EK-FIELD-INVALID",
            path: ["spec", "update", "maxSurge"],
            message: "must be at least 1 where maxUnavailable is 0, or nothing could ever be rolled; found 0",
          },
        ],
  ),
  subnetRule(["spec.healthCheck"], ({ spec: { healthCheck } }) => {
    if (!healthCheck) return [];
    const path = ["spec", "healthCheck"];
    const { httpGet, tcpSocket, timeoutSeconds, periodSeconds } = healthCheck;
    const faults: Fault[] = [];
    if ((httpGet === undefined) === (tcpSocket === undefined)) {
      const found = httpGet ? "both" : "neither";
      faults.push({
        code: "EK-FIELD-INVALID",
        path,
        message: `must have httpGet or tcpSocket, found ${found}`,
      });
    }
    if (timeoutSeconds > periodSeconds) {
      const message = `must be at most periodSeconds, which is ${periodSeconds}; found ${timeoutSeconds}`;
      faults.push({ code: "EK-FIELD-INVALID", path: [...path, "timeoutSeconds"], message });
    }
    return faults;
  }),
  hypervisorRule(["spec.load"], ({ spec: { load } }) =>
    load.min < load.max
      ? []
      : [
          {
            code: "EK-FIELD-INVALID",
            path: ["spec", "load", "min"],
            message: `must be less than max, which is ${load.max}; found ${load.min}`,
          },
        ],
  ),
];
