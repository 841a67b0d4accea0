import { stringify } from "yaml";
import { addressAt } from "../../api/addresses.ts";
import type { HypervisorName } from "../../api/names.ts";
import type { ShownSubnet, ShownTenant } from "./shown.ts";

/**
 * Manifests of what was shown, by their path in a tree. What cannot be seen on a hypervisor is named in comments; where
 * the kind needs it, something stands for it, marked FILL IN.
 * @param unseen hypervisors that were not seen, on which more may stand
 */
export function manifestsOf(shown: ShownTenant, unseen: readonly HypervisorName[]): Map<string, string> {
  const { name } = shown;
  return new Map([
    [`provider/${name}.yaml`, tenantText(shown, unseen)],
    ...shown.subnets.map((one) => [`tenants/${name}/${one.name}.yaml`, subnetText(one, unseen)] as const),
  ]);
}

const tenantText = (shown: ShownTenant, unseen: readonly HypervisorName[]): string => {
  const { name, home, others, managementCidr, serviceAddresses, egress } = shown;
  const document = {
    apiVersion: "evenkeel.dev/v1alpha1",
    kind: "Tenant",
    metadata: { name },
    spec: {
      primary: home ?? others[0] ?? "hv1",
      ...(others.length > 0 && { standby: others.map((one) => ({ name: one })) }),
      ...(serviceAddresses.length > 0 && { serviceAddresses: serviceAddresses.map((one) => `${one}/32`) }),
      ...(managementCidr !== undefined && { managementNetwork: { cidr: managementCidr } }),
      egress,
      ...quotaOf(shown),
    },
  };
  return withComments("Tenant.schema.json", document, unseen, [
    ...(home === undefined
      ? ["FILL IN spec.primary: its gateway was not seen, and none of its networks."]
      : []),
    "serviceAddresses are those in use; there may have been more. Not to be seen:",
    "quota, and the order of the standbys.",
  ]);
};

/** Where what stands is more than the kind's default grants. */
function quotaOf({ subnets }: ShownTenant): { readonly quota?: { subnets: number; replicas: number } } {
  const replicas = subnets.reduce((sum, one) => sum + Math.max(one.replicas, 1), 0);
  return subnets.length <= 8 && replicas <= 40
    ? {}
    : { quota: { subnets: Math.max(subnets.length, 8), replicas: Math.max(replicas, 40) } };
}

function subnetText(shown: ShownSubnet, unseen: readonly HypervisorName[]): string {
  const { name, cidr, gateway, replicas, workload, service } = shown;
  const network = cidr ?? "10.0.0.0/24";
  const ports = portsOf(shown);
  const document = {
    apiVersion: "evenkeel.dev/v1alpha1",
    kind: "Subnet",
    metadata: { name },
    spec: {
      cidr: network,
      ...(cidr !== undefined && gateway !== addressAt(cidr, 1) && { gatewayAddress: gateway }),
      replicas: { min: replicas, max: Math.max(replicas, 1) },
      workload: { ...workloadFields(workload), ...(ports.length > 0 && { ports }) },
      ...(service && {
        service: {
          address: service.address,
          ports: service.ports.map(({ port, protocol, targetPort = port }) => ({
            name: nameOf(port, protocol),
            port,
            protocol,
            targetPort,
          })),
        },
      }),
    },
  };
  return withComments("Subnet.schema.json", document, unseen, [
    ...(cidr === undefined ? ["FILL IN spec.cidr: its gateway was not seen."] : []),
    ...workloadNotes(shown),
    `replicas.min and max are as many as ${replicas === 1 ? "stands" : "stand"}. Not to be seen are autoscale,`,
    "healthCheck, update, drain, imagePullPolicy, names of ports, and ports that no",
    "service leads to.",
  ]);
}

/** What the manifest says of the workload, and what stands for it where nothing is known. */
function workloadFields(workload: ShownSubnet["workload"]): object {
  switch (workload?.runtime) {
    case undefined:
      return { runtime: "docker", image: "fill-in/image:1" };
    case "docker":
      return {
        runtime: "docker",
        image: workload.image,
        ...(workload.command && { command: workload.command }),
        ...(workload.env.length > 0 && { env: workload.env }),
        resources: workload.resources,
      };
    case "libvirt": {
      const { image, kernel, resources } = workload;
      return {
        runtime: "libvirt",
        image: image ?? (kernel ? undefined : "fill-in.qcow2"),
        kernel,
        resources,
      };
    }
  }
}

function workloadNotes({ workload, replicas, service }: ShownSubnet): string[] {
  const roll = "until it is as it was, applying this rolls the replicas.";
  const unknownTarget = service?.ports.some(({ targetPort }) => targetPort === undefined);
  return [
    ...(workload === undefined && replicas === 0
      ? ["FILL IN spec.workload: no replica stands that shows it."]
      : []),
    ...(workload === undefined && replicas > 0
      ? [`FILL IN spec.workload: no replica could be asked; ${roll}`]
      : []),
    ...(workload && !workload.isProved
      ? ["CHECK spec.workload: it is not all of what the replicas were made from;", roll]
      : []),
    ...(unknownTarget ? ["CHECK spec.service.ports: where they lead was not to be seen."] : []),
  ];
}

/** A name for what has lost its own; two ports need one each. */
const nameOf = (port: number, protocol: string): string => `${protocol.toLowerCase()}-${port}`;

/** The replicas' ports that a service leads to: TCP first, for the first of them tells readiness. */
function portsOf({ service }: ShownSubnet): { name: string; containerPort: number; protocol: string }[] {
  const targets = new Map(
    (service?.ports ?? []).map(({ port, protocol, targetPort = port }) => {
      const name = nameOf(targetPort, protocol);
      return [name, { name, containerPort: targetPort, protocol }];
    }),
  );
  return [...targets.values()].toSorted((a, b) =>
    a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0,
  );
}

function withComments(
  schema: string,
  document: { readonly kind: string },
  unseen: readonly HypervisorName[],
  notes: readonly string[],
): string {
  const up = document.kind === "Subnet" ? "../../" : "../";
  const lines = [
    `yaml-language-server: $schema=${up}.schemas/${schema}`,
    "",
    "Written from what hypervisors show.",
    ...(unseen.length > 0
      ? [`NOT SEEN: ${unseen.join(", ")}. More may stand there than is written here.`]
      : []),
    ...notes,
  ];
  const comment = lines.map((line) => `# ${line}`.trimEnd()).join("\n");
  return `${comment}\n${stringify(document, { lineWidth: 0 })}`;
}
