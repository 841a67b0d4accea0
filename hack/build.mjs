// Bundles src/main.ts into dist/reconcile.js, or into the directory named as argument. Split chunks keep
// `reconcile --help` fast: a command loads only what it uses.
import { chmod, cp, readFile, rm } from "node:fs/promises";
import { build } from "esbuild";

const { version } = JSON.parse(await readFile("package.json", "utf8"));

const [outdir = "dist"] = process.argv.slice(2);
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: { reconcile: "src/main.ts" },
  outdir,
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  minifySyntax: true,
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: "linked",
  define: { "process.env.EVENKEEL_BUILD_VERSION": JSON.stringify(version) },
  // ssh2, docker-modem and write-file-atomic look at their own files; pino may start workers: they stay packages.
  external: ["node-ssh", "dockerode", "pino", "write-file-atomic"],
  banner: {
    js: '#!/usr/bin/env node\nimport { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
});
// What the demo reads, as anybody's manifests.
await cp("src/demo/scene", `${outdir}/scene`, { recursive: true });
// What init writes, with the schemas that its files name.
await cp("src/manifests/first-tree", `${outdir}/first-tree`, { recursive: true });
await cp("crd-schemas/json", `${outdir}/first-tree/.schemas`, { recursive: true });
await chmod(`${outdir}/reconcile.js`, 0o755);
