import { lastGoodOf, load } from "../../src/manifests/load.ts";
import type { Revision } from "../../src/manifests/revision.ts";
import { write } from "../unit/manifests-tree.ts";

/** A tree's files by path. */
export type Files = Readonly<Record<string, string>>;

/** A hypervisor; the smaller the room, the sooner replicas go elsewhere. */
export const hypervisor = (name: string, last: number, replicas = 50): Files => ({
  [`provider/${name}.yaml`]: `apiVersion: evenkeel.dev/v1alpha1
kind: Hypervisor
metadata: {name: ${name}}
spec:
  fleet: campus
  connection:
    ssh: {address: 198.18.0.${last}, identityFile: id, hostKeys: ["SHA256:${"a".repeat(43)}"]}
  underlay: {address: 198.18.0.${last}, device: eth0}
  uplink: {device: edge, address: 198.18.100.${last}/24, gateway: 198.18.100.1}
  runtimes: [docker, libvirt]
  capacity: {replicas: ${replicas}}
`,
});

export const tenant = (name: string, service: number, primary = "hv1"): Files => ({
  [`provider/${name}.yaml`]: `apiVersion: evenkeel.dev/v1alpha1
kind: Tenant
metadata: {name: ${name}}
spec:
  primary: ${primary}
  standby: [{name: ${primary === "hv1" ? "hv2" : "hv1"}}]
  serviceAddresses: [198.18.100.${service}/32]
`,
});

/** The same tenant with a bastion that lets this key in. */
export const withBastion = (tenantFiles: Files, key: string): Files =>
  Object.fromEntries(
    Object.entries(tenantFiles).map(([path, text]) => [
      path,
      `${text}  bastion: {address: 198.18.100.99, image: "evenkeel/bastion:1", authorizedKeys: [ssh-ed25519 ${key}]}\n`,
    ]),
  );

/** A subnet that serves, with the count that it is to have. */
export const subnet = (
  tenantName: string,
  service: number,
  count: number,
  { cidr = "10.13.13.0/24", greeting = "hello", grace = 10, runtime = "docker" } = {},
): Files => ({
  [`tenants/${tenantName}/web.yaml`]: `apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr: ${cidr}
  replicas: {min: ${count}, max: ${Math.max(count, 6)}}
  workload:
    ${
      runtime === "docker"
        ? `image: evenkeel/web:1
    env: [{name: GREETING, value: ${greeting}}]`
        : `runtime: libvirt
    image: web.qcow2
    userData: ${greeting}`
    }
    ports: [{name: http, containerPort: 8080}]
    resources: {cpu: 500m, memory: 64Mi}
  service:
    address: 198.18.100.${service}
    ports: [{name: http, port: 80, targetPort: http}]
  drain: {gracePeriodSeconds: ${grace}, signal: SIGTERM, stopSeconds: 2}
`,
});

/** The same subnet with a threshold on what collectd measures, which nobody acts on. */
export const withCollector = (subnetFiles: Files): Files =>
  Object.fromEntries(
    Object.entries(subnetFiles).map(([path, text]) => [
      path,
      `${text}  autoscale: {mode: "off", thresholds: {collectd.percent-steal: {min: 5, max: 20}}}\n`,
    ]),
  );

/** The same tree while its last file is being written, as a daemon reads it that has read the whole one before. */
export async function halfWritten(files: Files, { documents }: Revision): Promise<Revision> {
  const last = Object.keys(files).toSorted().at(-1) ?? "";
  const text = files[last] ?? "";
  const torn = { ...files, [last]: text.slice(0, text.indexOf("spec:") + 8) };
  return await load(write(torn), { lastGood: lastGoodOf(Object.fromEntries(documents)) });
}

/** The tree as evenkeel reads it; one that has errors is a mistake. */
export async function revisionOf(files: Files): Promise<Revision> {
  const revision = await load(write(files));
  const [error] = revision.problems.filter(({ severity }) => severity === "error");
  if (error) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  return revision;
}
