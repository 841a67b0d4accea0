import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Problem } from "../../src/manifests/revision.ts";

/** A small tree that is valid: two hypervisors, two tenants with a subnet each. Lines and columns in tests count in it. */
export const VALID: Readonly<Record<string, string>> = {
  "provider/hv1.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Hypervisor
metadata: {name: hv1}
spec:
  fleet: campus
  connection:
    ssh: {address: 198.18.0.11, identityFile: id_hv1, hostKeys: ["SHA256:${"a".repeat(43)}"]}
  underlay: {address: 198.18.0.11, device: eth0}
  uplink: {device: edge, address: 198.18.100.2/24, gateway: 198.18.100.1}
`,
  "provider/hv2.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Hypervisor
metadata: {name: hv2}
spec:
  fleet: campus
  connection:
    ssh: {address: 198.18.0.12, identityFile: id_hv2, hostKeys: ["SHA256:${"b".repeat(43)}"]}
  underlay: {address: 198.18.0.12, device: eth0}
`,
  "provider/t1.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Tenant
metadata: {name: t1}
spec:
  primary: hv1
  standby: [{name: hv2}]
  serviceAddresses: [198.18.100.12/31]
  quota: {subnets: 2, replicas: 10}
`,
  "provider/t2.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Tenant
metadata: {name: t2}
spec:
  primary: hv1
  standby: [{name: hv2}]
  serviceAddresses: [198.18.100.10/31]
`,
  "tenants/t1/web.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr: 10.13.13.0/24
  replicas: {min: 2, max: 6}
  workload:
    image: evenkeel/web:1
    ports: [{name: http, containerPort: 8080}]
  service:
    address: 198.18.100.12
    ports: [{port: 80, targetPort: http}]
`,
  "tenants/t2/web.yaml": `apiVersion: evenkeel.dev/v1alpha1
kind: Subnet
metadata: {name: web}
spec:
  cidr: 10.13.13.0/24
  replicas: {min: 2, max: 6}
  workload: {image: "evenkeel/web:1"}
`,
};

/** A second subnet of t1. */
export const second = (
  changes: { cidr?: string; replicas?: string; more?: string } = {},
): string => `kind: Subnet
apiVersion: evenkeel.dev/v1alpha1
metadata: {name: zoo}
spec:
  cidr: ${changes.cidr ?? "10.13.14.0/24"}
  replicas: ${changes.replicas ?? "{min: 0, max: 1}"}
  workload: {image: x, ports: [{containerPort: 80}]}
${changes.more ?? ""}`;

const made: string[] = [];
process.once("exit", () => made.forEach((directory) => rmSync(directory, { recursive: true, force: true })));

/** Writes a tree into a directory of its own, and gives its path. */
export function write(files: Readonly<Record<string, string | Buffer | undefined>>): string {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-manifests-"));
  made.push(directory);
  for (const [path, text] of Object.entries(files)) {
    if (text === undefined) continue;
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

/** {@link VALID} with a text in one of its files replaced. */
export function edited(file: string, from: string, to: string): Readonly<Record<string, string>> {
  const text = VALID[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} holds no ${JSON.stringify(from)}`);
  return { ...VALID, [file]: text.replace(from, () => to) };
}

/** A problem on one line, `file:line:col: path CODE`; a warning says so. */
export const short = ({ severity, file, line, column, path, code }: Problem): string =>
  `${file}:${line}:${column}: ${path} ${code}${severity === "warning" ? " (warning)" : ""}`;
