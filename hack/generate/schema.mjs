// From a CRD's openAPIV3Schema to the JSON Schema (draft 7) of a manifest: closed, without status, with metadata.

const API_VERSION = "evenkeel.dev/v1alpha1";

const textMap = (description) => ({ description, type: "object", additionalProperties: { type: "string" } });

/** The parts of metadata that a CRD itself may not describe. */
const metadata = (name, scope) => ({
  description: "What the object is called.",
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name,
    ...(scope === "Namespaced" && {
      namespace: {
        ...name,
        description: "The tenant. Comes from the folder; where it is written it must match.",
        title: "the name of a tenant, the folder that the file is in",
      },
    }),
    labels: textMap("Labels of your own, for selecting."),
    annotations: textMap("Notes of your own. Those under evenkeel.dev/ have a meaning."),
  },
});

/**
 * A copy that is a JSON Schema: objects take no other fields than those listed, and Kubernetes' own keywords are
 * turned into standard ones. (A CRD itself may not forbid other fields beside `properties`.)
 */
function close(schema) {
  const {
    "x-kubernetes-int-or-string": numberOrText,
    "x-kubernetes-list-type": _listType,
    "x-kubernetes-list-map-keys": _listKeys,
    exclusiveMinimum,
    ...rest
  } = schema;
  const result = { ...rest };
  // Where the text may have a fraction, the number may.
  if (numberOrText) result.type = [/\\\./.test(schema.pattern) ? "number" : "integer", "string"];
  if (result.format === "int64") delete result.format;
  if (exclusiveMinimum) {
    delete result.minimum;
    result.exclusiveMinimum = schema.minimum;
  }
  if (schema.items) result.items = close(schema.items);
  if (schema.properties) {
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, close(property)]),
    );
  }
  if (schema.type === "object") {
    result.additionalProperties = schema.additionalProperties ? close(schema.additionalProperties) : false;
  }
  return result;
}

/** The one version's openAPIV3Schema of a CRD. */
export const openSchema = (definition) => definition.spec.versions[0].schema.openAPIV3Schema;

/** The JSON Schema of a whole manifest of the kind. */
export function closedSchema(definition) {
  const { apiVersion, kind, metadata: named, spec } = openSchema(definition).properties;
  return {
    description: openSchema(definition).description,
    type: "object",
    additionalProperties: false,
    required: ["apiVersion", "kind", "metadata", "spec"],
    properties: {
      apiVersion: { ...apiVersion, enum: [API_VERSION] },
      kind: { ...kind, enum: [definition.spec.names.kind] },
      metadata: metadata(named.properties.name, definition.spec.scope),
      spec: close(spec),
    },
  };
}

/** For editors: the `title` that completes "must be …" in our messages would be shown there as a heading. */
export function editorSchema(name, schema) {
  const untitled = JSON.parse(JSON.stringify(schema), (key, value) => {
    if (key === "title" && typeof value === "string") return undefined;
    return value;
  });
  return { $schema: "http://json-schema.org/draft-07/schema#", title: name, ...untitled };
}
