// Makes the code that follows from the CRDs in crd-schemas/: types, validators, definitions, editor schemas. What it
// makes is committed; `--check` writes nothing, prints `stale: FILE` for each file that differs and exits with 1.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parse } from "yaml";
import { definitions } from "./generate/definitions.mjs";
import { closedSchema, editorSchema } from "./generate/schema.mjs";
import { types } from "./generate/types.mjs";
import { validatorTypes, validators } from "./generate/validators.mjs";

const FILES = ["hypervisor", "tenant", "subnet"];

const kinds = await Promise.all(
  FILES.map(async (file) => {
    const definition = parse(await readFile(`crd-schemas/${file}.yaml`, "utf8"));
    return { name: definition.spec.names.kind, definition, schema: closedSchema(definition) };
  }),
);

const generated = new Map([
  ["src/api/kinds.gen.ts", types(kinds)],
  ["src/api/definitions.gen.ts", definitions(kinds)],
  ["src/api/validators.gen.js", await validators(kinds)],
  ["src/api/validators.gen.d.ts", validatorTypes(kinds)],
  ...kinds.map(({ name, schema }) => [
    `crd-schemas/json/${name}.schema.json`,
    `${JSON.stringify(editorSchema(name, schema), null, 2)}\n`,
  ]),
]);

const checking = process.argv.includes("--check");
for (const [file, text] of generated) {
  const before = await readFile(file, "utf8").catch(() => undefined);
  if (before === text) continue;
  if (checking) {
    console.log(`stale: ${file}`);
    process.exitCode = 1;
  } else {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    console.log(`written: ${file}`);
  }
}
