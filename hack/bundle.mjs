// Bundles one TypeScript program of ours, such as a benchmark, for running once: bundle.mjs SOURCE TARGET
import { build } from "esbuild";

const [source, outfile] = process.argv.slice(2);
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
});
