import type { ContainerPort, ServicePort, Subnet } from "../../api/kinds.gen.ts";
import { targetPort } from "../../api/subnets.ts";
import type { Fault } from "../fault.ts";
import { didYouMean } from "../nearest.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { subnetRule } from "./rule.ts";

/** Names in a list of ports: unique, and there where one is not enough. */
const names = (list: readonly { readonly name?: string }[], path: Path): readonly Fault[] =>
  list.flatMap(({ name }, index): readonly Fault[] => {
    const where = [...path, index, "name"];
    if (name === undefined) {
      const message = `must be given where there is more than one port, found ${list.length} ports`;
      return list.length > 1 ? [{ code: "EK-FIELD-MISSING", path: where, message }] : [];
    }
    if (list.findIndex((port) => port.name === name) === index) return [];
    return [
      { code: "EK-DUPLICATE", path: where, message: `must be unique, found ${show(name)} a second time` },
    ];
  });

const describe = ({ name, containerPort, protocol }: ContainerPort): string =>
  name === undefined ? `${containerPort}/${protocol}` : `${name} (${containerPort}/${protocol})`;

/** A port that leads to none of the workload's. */
function unresolved(
  { workload }: Subnet["spec"],
  port: Pick<ServicePort, "port" | "targetPort" | "protocol">,
  path: Path,
): readonly Fault[] {
  if (targetPort(workload.ports, port) !== undefined) return [];
  const wanted = port.targetPort ?? port.port;
  const candidates = workload.ports.filter(({ protocol }) => protocol === port.protocol);
  const have = candidates.length === 0 ? "none" : candidates.map(describe).join(", ");
  const suggestion =
    typeof wanted === "string"
      ? didYouMean(
          wanted,
          candidates.flatMap(({ name }) => name ?? []),
        )
      : undefined;
  return [
    {
      code: "EK-REFERENCE",
      path,
      message: `must be one of the workload's ${port.protocol} ports, which are: ${have}; found ${show(wanted)}`,
      suggestion,
    },
  ];
}

/** Ports of replicas and of services, within one document. */
export const PORT_RULES = [
  subnetRule(["spec.workload.ports"], ({ spec }) =>
    names(spec.workload.ports, ["spec", "workload", "ports"]),
  ),
  subnetRule(["spec.service.ports"], ({ spec }) =>
    names(spec.service?.ports ?? [], ["spec", "service", "ports"]),
  ),
  subnetRule(["spec.service.ports", "spec.workload.ports"], ({ spec }) =>
    (spec.service?.ports ?? []).flatMap((port, index) =>
      unresolved(spec, port, ["spec", "service", "ports", index, "targetPort"]),
    ),
  ),
  subnetRule(["spec.healthCheck", "spec.workload.ports"], ({ spec }) =>
    (["httpGet", "tcpSocket"] as const).flatMap((probe) => {
      const check = spec.healthCheck?.[probe];
      if (check === undefined) return [];
      const { port } = check;
      const path = ["spec", "healthCheck", probe, ...(port === undefined ? [] : ["port"])];
      const hasDefault = spec.workload.ports.some(({ protocol }) => protocol === "TCP");
      if (port === undefined)
        return hasDefault
          ? []
          : [{ code: "EK-REFERENCE", path, message: "must ask a TCP port, and the workload has none" }];
      return unresolved(spec, { port: 0, targetPort: port, protocol: "TCP" }, path);
    }),
  ),
];
