import { stringify } from "yaml";
import type { Draft, DraftSubnet, DraftTenant } from "./draft.ts";
import { quoted } from "./remarks.ts";
import type { DraftHypervisor } from "./sites.ts";

/** Manifests as text, by their path in the tree. `fleet`: the tree's own, where it has one. */
export function textsOf(
  { tenant, hypervisors, subnets }: Draft,
  fleet: string | undefined,
): Map<string, string> {
  return new Map([
    ...hypervisors.map((one) => [`provider/${one.name}.yaml`, hypervisorText(one, fleet)] as const),
    [`provider/${tenant.name}.yaml`, tenantText(tenant)],
    ...subnets.map((one) => [`tenants/${tenant.name}/${one.name}.yaml`, subnetText(one)] as const),
  ]);
}

/** A text as YAML has it: quoted where it has to be. */
const scalar = (text: string): string => stringify(text, { lineWidth: 0 }).trimEnd();

function hypervisorText(
  { name, address, runtimes, load }: DraftHypervisor,
  fleet: string | undefined,
): string {
  const at = address ?? "192.0.2.11";
  const note = address === undefined ? "# FILL IN" : "# as in the old file";
  return `# yaml-language-server: $schema=../.schemas/Hypervisor.schema.json
#
# A hypervisor of the old file, which knew no more of it than its address.
# What only you can know is marked FILL IN.
apiVersion: evenkeel.dev/v1alpha1
kind: Hypervisor
metadata:
  name: ${name}
spec:
  # The same in all hypervisors of this directory, and the mark on all that
  # evenkeel makes.${fleet === undefined ? " Choose it now: it is never changed afterwards." : ""}
  fleet: ${scalar(fleet ?? "campus")}

  connection:
    ssh:
      address: ${at.padEnd(18)} ${note}
      identityFile: id_${name}        # a file in --keys-dir; never in here
      hostKeys:                   # FILL IN: ssh-keyscan HOST | ssh-keygen -lf -
        - SHA256:FILLxINxTHExFINGERPRINTxOFxYOURxHOSTSxKEYxx

  # Carries the tenants' segments between hypervisors.
  underlay:
    address: ${at.padEnd(20)} ${note}
    device: eth0                  # FILL IN

  # Where services are reached; only a home of tenants with services needs it.
  # uplink: {device: eth1, address: 203.0.113.2/24, gateway: 203.0.113.1}
${runtimes.includes("libvirt") ? `\n  runtimes: [${runtimes.join(", ")}]\n` : ""}${load ? `\n  # Of its CPUs, in percent: the old file's min_hyp_load and max_hyp_load.\n  load: {min: ${load.min}, max: ${load.max}}\n` : ""}`;
}

function tenantText({ name, oldName, primary, standby, quota }: DraftTenant): string {
  const others = standby.map((one) => `{name: ${one}}`).join(", ");
  return `# yaml-language-server: $schema=../.schemas/Tenant.schema.json
#
# Tenant ${quoted(oldName)} of the old file. What it runs is in tenants/${name}/.
apiVersion: evenkeel.dev/v1alpha1
kind: Tenant
metadata:
  name: ${name}
spec:
  # Guessed: home is where a replica stood that had not been scaled.
  primary: ${primary}
${others === "" ? "" : `  standby: [${others}]\n`}
  # The only addresses that its services may use; the old file has none.
  # serviceAddresses: [203.0.113.10/32]    # FILL IN: in the uplink's network
${quota ? `\n  # As much as its subnets may come to.\n  quota: {subnets: ${quota.subnets}, replicas: ${quota.replicas}}\n` : ""}`;
}

function subnetText(subnet: DraftSubnet): string {
  const { oldName, name, cidr, min, max, stood } = subnet;
  return `# yaml-language-server: $schema=../../.schemas/Subnet.schema.json
#
# Subnet ${quoted(oldName)} of the old file.
apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata:
  name: ${name}
spec:
  cidr: ${cidr}

  # max is guessed: the old file has no bound, and ${stood} stood.
  replicas: {min: ${min}, max: ${max}}

${workloadText(subnet)}
  # The old file does not say where the replicas are reached from outside. With
  # an address of the tenant's serviceAddresses, and the port's name from above:
  # service:
  #   address: 203.0.113.10
  #   ports:
  #     - {name: http, port: 80, targetPort: http}

${autoscaleText(subnet)}`;
}

const FILL_IN = { docker: "fill-in/image:1", libvirt: "fill-in.qcow2" };

function workloadText({ runtime, image }: DraftSubnet): string {
  const of =
    runtime === "docker"
      ? {
          resources: "{cpu: 1, memory: 256Mi}",
          guess: "one CPU, so that a percent is what Docker's statistics call one",
        }
      : { resources: "{cpu: 1, memory: 1Gi}", guess: "what a virtual machine gets" };
  return `  workload:
    runtime: ${runtime}
    image: ${image === undefined ? `${FILL_IN[runtime]}    # FILL IN` : scalar(image)}
    # What it listens on: not in the old file. The first tells readiness.
    # ports:
    #   - {name: http, containerPort: 80}
    # Guessed: ${of.guess}.
    resources: ${of.resources}
`;
}

function autoscaleText({ runtime, band, cooldownSeconds, flaps }: DraftSubnet): string {
  const metric = runtime === "docker" ? "cpu" : "steal";
  if (band === undefined)
    return `  # The old thresholds are none that could be followed. In percent:
  # autoscale:
  #   thresholds: {${metric}: {min: 20, max: 60}}
`;
  const warning = flaps
    ? `  # These thresholds flap: ${metric} just above ${band.max} on ${flaps.few} is ${Number(flaps.left.toFixed(1))} on ${flaps.many}, below min.
  # A min of at most ${Number(flaps.left.toFixed(1))} would not.
`
    : "";
  const what = runtime === "docker" ? "of resources.cpu" : "of time stolen by the hypervisor";
  return `  # min_load and max_load, in percent ${what}.
${warning}  autoscale:
    thresholds: {${metric}: {min: ${band.min}, max: ${band.max}}}
${cooldownSeconds === undefined ? "" : `    cooldownSeconds: ${cooldownSeconds}\n`}`;
}
