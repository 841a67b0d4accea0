import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import type { Schema } from "../../src/api/definition.ts";
import { DEFINITIONS } from "../../src/api/definitions.gen.ts";
import type { KindName, ServicePort } from "../../src/api/kinds.gen.ts";
import { trusted } from "../../src/api/names.ts";
import { NOT_YET } from "../../src/api/not-yet.ts";
import { parseCpu, parseMemory } from "../../src/api/quantities.ts";
import { gatewayAddress, targetPort } from "../../src/api/subnets.ts";

const KINDS = ["Hypervisor", "Tenant", "Subnet"] as const;

/** What a CRD's document holds, as far as it is looked at here. */
interface Written {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources: Readonly<Record<string, unknown>>;
      readonly schema: { readonly openAPIV3Schema: OpenSchema };
    }[];
  };
}
type OpenSchema = Omit<Schema, "properties" | "items" | "additionalProperties" | "exclusiveMinimum"> & {
  readonly properties?: Readonly<Record<string, OpenSchema>>;
  readonly items?: OpenSchema;
  readonly additionalProperties?: OpenSchema;
  readonly exclusiveMinimum?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
};

const read = (kind: KindName): Written =>
  parse(readFileSync(`crd-schemas/${kind.toLowerCase()}.yaml`, "utf8")) as Written;
const schemaOf = (kind: KindName): OpenSchema => read(kind).spec.versions[0]?.schema.openAPIV3Schema ?? {};

/** Each schema in a schema, with its path. */
function* every(schema: OpenSchema, path: string): Generator<readonly [string, OpenSchema]> {
  yield [path, schema];
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    yield* every(property, `${path}.${name}`);
  if (schema.items) yield* every(schema.items, `${path}[]`);
  if (schema.additionalProperties) yield* every(schema.additionalProperties, `${path}{}`);
}

const ALLOWED = new Set(
  "title description type format enum default pattern minimum exclusiveMinimum maximum minLength maxLength minItems maxItems minProperties maxProperties required properties additionalProperties items x-kubernetes-int-or-string x-kubernetes-list-type x-kubernetes-list-map-keys".split(
    " ",
  ),
);

describe.each(KINDS)("the CRD of %s", (kind) => {
  const crd = read(kind);
  const schemas = [...every(schemaOf(kind), kind)];

  test("is one that an API server takes", () => {
    const { group, scope, names, versions } = crd.spec;
    expect(crd.metadata.name).toBe(`${names.plural}.${group}`);
    expect([group, names.kind, scope]).toEqual([
      "evenkeel.dev",
      kind,
      kind === "Subnet" ? "Namespaced" : "Cluster",
    ]);
    expect(versions.map(({ name }) => name)).toEqual(["v1alpha1"]);
    expect(versions[0]?.subresources).toEqual({ status: {} });
  });

  test("is structural", () => {
    for (const [path, schema] of schemas) {
      expect([path, Object.keys(schema).filter((keyword) => !ALLOWED.has(keyword))]).toEqual([path, []]);
      const typed =
        schema["x-kubernetes-int-or-string"] === true ? schema.type === undefined : schema.type !== undefined;
      expect([path, typed]).toEqual([path, true]);
      expect([path, schema.properties !== undefined && schema.additionalProperties !== undefined]).toEqual([
        path,
        false,
      ]);
      expect([path, schema.type === "array" && schema.items === undefined]).toEqual([path, false]);
      const unknown = (schema.required ?? []).filter((name) => schema.properties?.[name] === undefined);
      expect([path, unknown]).toEqual([path, []]);
    }
  });

  test("describes every field, and names what a pattern stands for", () => {
    for (const [path, { description, pattern, title }] of schemas) {
      const leaf = path.endsWith("[]") || path.endsWith("{}") || path === `${kind}.metadata`;
      if (!leaf) expect([path, description]).toEqual([path, expect.stringMatching(/^[A-Za-z].*\.$/)]);
      if (pattern !== undefined) expect([path, title]).toEqual([path, expect.any(String)]);
    }
  });

  test("requires no field that has a default, and keys its lists by fields that are there", () => {
    for (const [path, schema] of schemas) {
      const both = (schema.required ?? []).filter((name) => schema.properties?.[name]?.default !== undefined);
      expect([path, both]).toEqual([path, []]);
      for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
        const given =
          schema.items?.required?.includes(key) || schema.items?.properties?.[key]?.default !== undefined;
        expect([path, key, given]).toEqual([path, key, true]);
      }
    }
  });

  test("has the status that all kinds have", () => {
    const status = schemaOf(kind).properties?.["status"]?.properties ?? {};
    const more =
      kind === "Subnet"
        ? ["replicas", "readyReplicas", "desiredReplicas", "load", "lastScaleTime", "lastScaleOutTime"]
        : [];
    expect(Object.keys(status).toSorted()).toEqual(
      ["observedGeneration", "revision", "conditions", ...more].toSorted(),
    );
  });

  test("has each field that is listed as not acted on, or keeps it free", () => {
    const paths = new Set(schemas.map(([path]) => path.replace(`${kind}.`, "")));
    const missing = NOT_YET[kind].filter(({ path }) => !paths.has(path)).map(({ path }) => path);
    expect(missing).toEqual(kind === "Subnet" ? ["spec.workload.env[].valueFrom"] : []);
  });
});

test("definitions are closed, and know names and columns", () => {
  expect(DEFINITIONS.Subnet.shortNames).toEqual(["sn"]);
  expect(DEFINITIONS.Subnet.columns.map(({ name }) => name)).toContain("Ready");
  expect(DEFINITIONS.Subnet.schema.properties?.["spec"]?.additionalProperties).toBe(false);
  expect(DEFINITIONS.Tenant.schema.properties?.["status"]).toBeUndefined();
});

test("what is generated is up to date", () => {
  expect(execFileSync("node", ["hack/generate.mjs", "--check"], { encoding: "utf8" })).toBe("");
});

test("what is generated is told to be stale where it is", () => {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-generate-"));
  try {
    cpSync("crd-schemas", join(directory, "crd-schemas"), { recursive: true });
    symlinkSync(resolve("node_modules"), join(directory, "node_modules"));
    const check = [resolve("hack/generate.mjs"), "--check"];
    const { stdout, status } = spawnSync("node", check, { cwd: directory, encoding: "utf8" });
    expect(status).toBe(1);
    expect(stdout).toBe(
      ["kinds.gen.ts", "definitions.gen.ts", "validators.gen.js", "validators.gen.d.ts"]
        .map((name) => `stale: src/api/${name}\n`)
        .join(""),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe("quantities", () => {
  test.each([
    ["500m", 5e8],
    ["1", 1e9],
    [2, 2e9],
    [0.5, 5e8],
    ["0.125", 125_000_000],
  ])("%p CPUs", (quantity, nanoseconds) => expect(parseCpu(quantity)).toBe(nanoseconds));

  test.each([
    ["128Mi", 134_217_728],
    ["1Gi", 1_073_741_824],
    ["1.5Ki", 1536],
    ["1k", 1000],
    [4096, 4096],
  ])("%p of memory", (quantity, bytes) => expect(parseMemory(quantity)).toBe(bytes));

  test.each(["", "m", "-1", "1e3", "1 Gi", "1gi", "0x10", "1.m", "NaN"])("%p is none", (text) => {
    expect(() => parseCpu(text)).toThrow("must be a number of CPUs");
    expect(() => parseMemory(text)).toThrow("must be an amount of memory");
  });
});

test("a subnet's gateway is the first address unless it is given", () => {
  const cidr = trusted<"10.1.2.0/24" & Parameters<typeof gatewayAddress>[0]["cidr"]>("10.1.2.0/24");
  expect(gatewayAddress({ cidr })).toBe("10.1.2.1");
  expect(gatewayAddress({ cidr, gatewayAddress: trusted("10.1.2.9") })).toBe("10.1.2.9");
});

test("a service's port leads to the replica's by name, by number, or to the same number", () => {
  const ports = [
    { name: "http", containerPort: 8080, protocol: "TCP" as const },
    { name: "echo", containerPort: 53, protocol: "UDP" as const },
  ];
  const to = (port: Partial<ServicePort>) => targetPort(ports, { port: 80, protocol: "TCP", ...port });
  expect([to({ targetPort: "http" }), to({ targetPort: 8080 }), to({ port: 8080 })]).toEqual([
    8080, 8080, 8080,
  ]);
  expect(to({ port: 53, protocol: "UDP" })).toBe(53);
  expect([to({}), to({ targetPort: "echo" })]).toEqual([undefined, undefined]);
});
