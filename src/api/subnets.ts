import { addressAt, type Ipv4 } from "./addresses.ts";
import type { ContainerPort, ServicePort, SubnetSpec } from "./kinds.gen.ts";

/** The gateway's address in a subnet: the one its manifest gives, else the network's first usable one. */
export const gatewayAddress = (spec: Pick<SubnetSpec, "cidr" | "gatewayAddress">): Ipv4 =>
  spec.gatewayAddress ?? addressAt(spec.cidr, 1);

/**
 * The replica's port number that a port of the service leads to: by name or number, the service port's own number
 * when `targetPort` is left out. Undefined when it names no port of the workload; manifests that were loaded hold none such.
 */
export function targetPort(ports: readonly ContainerPort[], port: ServicePort): number | undefined {
  const wanted = port.targetPort ?? port.port;
  const found = ports.find(
    ({ name, containerPort, protocol }) =>
      protocol === port.protocol && (typeof wanted === "number" ? containerPort === wanted : name === wanted),
  );
  return found?.containerPort;
}
