// The kinds as TypeScript: readonly, every nested object under a name of its own, fields with a default never optional.
import { openSchema } from "./schema.mjs";

/** Fields whose text is more than text: the loader has checked it, and the type is the proof. */
const BRANDS = {
  "Hypervisor.metadata.name": "HypervisorName",
  "Hypervisor.spec.fleet": "FleetName",
  "Hypervisor.spec.underlay.address": "Ipv4",
  "Hypervisor.spec.uplink.address": "InterfaceAddress",
  "Hypervisor.spec.uplink.gateway": "Ipv4",
  "Hypervisor.spec.capacity.cpu": "Quantity",
  "Hypervisor.spec.capacity.memory": "Quantity",
  "Tenant.metadata.name": "TenantName",
  "Tenant.spec.primary": "HypervisorName",
  "Tenant.spec.standby[].name": "HypervisorName",
  "Tenant.spec.serviceAddresses[]": "Cidr",
  "Tenant.spec.managementNetwork.cidr": "Cidr",
  "Tenant.spec.bastion.address": "Ipv4",
  "Subnet.metadata.name": "SubnetName",
  "Subnet.metadata.namespace": "TenantName",
  "Subnet.spec.cidr": "Cidr",
  "Subnet.spec.gatewayAddress": "Ipv4",
  "Subnet.spec.workload.resources.cpu": "Quantity",
  "Subnet.spec.workload.resources.memory": "Quantity",
  "Subnet.spec.service.address": "Ipv4",
};

/** Names of nested objects that their field's name alone would not give. */
const NAMES = {
  "Hypervisor.spec.connection.ssh": "SshConnection",
  "Hypervisor.spec.connection.local": "LocalConnection",
  "Hypervisor.spec.load": "LoadBounds",
  "Tenant.spec.standby[]": "Standby",
  "Subnet.spec.replicas": "ReplicaBounds",
  "Subnet.spec.workload.env[]": "EnvironmentVariable",
  "Subnet.spec.workload.ports[]": "ContainerPort",
  "Subnet.spec.service.ports[]": "ServicePort",
  "Subnet.spec.autoscale.thresholds{}": "Threshold",
};

const WIDTH = 110;
const capital = (word) => word[0].toUpperCase() + word.slice(1);

/** A doc comment, on one line where it fits. */
function comment(text, indent) {
  if (!text) return "";
  if (`${indent}/** ${text} */`.length <= WIDTH) return `${indent}/** ${text} */\n`;
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || `${indent} * ${last} ${word}`.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/** What a field's description says besides: its default, for those who read the types. */
const describe = (schema) => {
  const fallback = schema.default;
  const shown = fallback !== undefined && JSON.stringify(fallback) !== "{}";
  return shown ? `${schema.description} Default: ${JSON.stringify(fallback)}.` : schema.description;
};

/** The name of the interface for the object at a path. */
const nameOf = (path) => {
  if (NAMES[path]) return NAMES[path];
  const [kind, part, ...rest] = path.split(".");
  if (rest.length === 0) return kind + capital(part);
  const field = rest.at(-1);
  return field === "conditions[]" ? "Condition" : capital(field);
};

/** Those of the brands that are in use, for an import. */
const brands = (wanted) => wanted.filter((type) => Object.values(BRANDS).includes(type)).join(", ");

/** One interface a nested object, each before the one that uses it. */
export function types(kinds) {
  const interfaces = new Map();

  const typeOf = (schema, path) => {
    if (BRANDS[path]) return BRANDS[path];
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (Array.isArray(schema.type)) return "number | string";
    if (schema.type === "integer") return "number";
    if (schema.type === "array") {
      const item = typeOf(schema.items, `${path}[]`);
      return item.includes("|") ? `readonly (${item})[]` : `readonly ${item}[]`;
    }
    if (schema.type !== "object") return schema.type;
    if (schema.properties) return declare(nameOf(path), schema, path);
    if (!schema.additionalProperties) return "Readonly<Record<string, never>>";
    return `Readonly<Record<string, ${typeOf(schema.additionalProperties, `${path}{}`)}>>`;
  };

  const declare = (name, schema, path) => {
    const fields = Object.entries(schema.properties).map(([field, property]) => {
      const given = schema.required?.includes(field) || property.default !== undefined;
      const type = typeOf(property, `${path}.${field}`);
      return `${comment(describe(property), "  ")}  readonly ${field}${given ? "" : "?"}: ${type};\n`;
    });
    const text = `${comment(schema.description, "")}export interface ${name} {\n${fields.join("")}}\n`;
    if ((interfaces.get(name) ?? text) !== text)
      throw new Error(`two different interfaces are named ${name}`);
    interfaces.set(name, text);
    return name;
  };

  for (const { name, definition, schema } of kinds) {
    const { metadata, ...rest } = schema.properties;
    // The loader fills in the namespace.
    const loaded = {
      ...metadata,
      required: Object.keys(metadata.properties).filter((field) => field.startsWith("name")),
    };
    const ordered = { apiVersion: rest.apiVersion, kind: rest.kind, metadata: loaded, spec: rest.spec };
    declare(name, { ...schema, properties: ordered }, name);
    const { status } = openSchema(definition).properties;
    declare(`${name}Status`, status, `${name}.status`);
  }

  return `// Generated by hack/generate.mjs from crd-schemas/; do not edit.
import type { ${brands(["Cidr", "InterfaceAddress", "Ipv4"])} } from "./addresses.ts";
import type { ${brands(["FleetName", "HypervisorName", "SubnetName", "TenantName"])} } from "./names.ts";
import type { Quantity } from "./quantities.ts";

export type KindName = ${kinds.map(({ name }) => `"${name}"`).join(" | ")};

${[...interfaces.values()].join("\n")}`;
}
