import { answer, json } from "./streams.ts";

/** `reconcile version`: what runs here. */
export function version(evenkeel: string, output: "text" | "json"): void {
  const node = process.version;
  answer(output === "json" ? json({ evenkeel, node }) : `evenkeel ${evenkeel}\nnode     ${node}\n`);
}
