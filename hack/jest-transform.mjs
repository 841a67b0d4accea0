// TypeScript for jest by esbuild alone: types are checked by `npm run typecheck`, not here.
import { createHash } from "node:crypto";
import { transformSync, version } from "esbuild";

const options = { loader: "ts", format: "esm", target: "node20", sourcemap: "inline", sourcesContent: false };

export default {
  process: (source, file) => ({ code: transformSync(source, { ...options, sourcefile: file }).code }),
  getCacheKey: (source, file, { configString, instrument }) =>
    createHash("sha256")
      .update([version, source, file, configString, String(instrument)].join("\0"))
      .digest("hex"),
};
