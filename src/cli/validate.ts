import { load } from "../manifests/load.ts";
import { ManifestsError, type Problem, type Revision } from "../manifests/revision.ts";
import {
  coloursFor,
  countObjects,
  countProblems,
  describeError,
  describeProblems,
  wrap,
} from "./problems.ts";

export interface ValidateOptions {
  readonly output: "text" | "json";
}

/** What came of reading a tree: a revision, or the reason why there is none. */
type Outcome = { readonly revision: Revision } | { readonly error: ManifestsError };

/** `reconcile validate`: prints all that is wrong with a tree. Resolves to the exit code, 0 when it is valid. */
export async function validate(directory: string, { output }: ValidateOptions): Promise<number> {
  const outcome = await load(directory).then(
    (revision): Outcome => ({ revision }),
    (error: unknown): Outcome => {
      if (error instanceof ManifestsError) return { error };
      throw error;
    },
  );
  const problems = "error" in outcome ? outcome.error.problems : outcome.revision.problems;
  const valid = "revision" in outcome && problems.every(({ severity }) => severity === "warning");
  const text =
    output === "json"
      ? asJson(directory, outcome, problems, valid)
      : asText(directory, outcome, problems, valid);
  process.stdout.write(text);
  return valid ? 0 : 1;
}

const numbers = ({ hypervisors, tenants }: Revision): Readonly<Record<string, number>> => ({
  hypervisor: hypervisors.size,
  tenant: tenants.size,
  subnet: [...tenants.values()].reduce((sum, { subnets }) => sum + subnets.size, 0),
});

const heldTenants = ({
  tenants,
}: Revision): readonly { readonly tenant: string; readonly reason: string }[] =>
  [...tenants.values()].flatMap(({ name, held }) =>
    held === undefined ? [] : [{ tenant: name, reason: held }],
  );

function asText(directory: string, outcome: Outcome, problems: readonly Problem[], valid: boolean): string {
  const colours = coloursFor(process.stdout);
  const described = describeProblems(problems, directory, colours);
  const counted = problems.length === 0 ? "" : `${countProblems(problems)}.`;
  if ("error" in outcome) {
    return `${described}${counted}${counted === "" ? "" : "\n"}${describeError(outcome.error, colours)}`;
  }
  if (valid) {
    const verdict = `${colours.green("Valid:")} ${countObjects(numbers(outcome.revision))}.`;
    return `${described}${verdict}${counted === "" ? "" : ` ${counted}`}\n`;
  }
  const held = heldTenants(outcome.revision).map(({ tenant }) => tenant);
  const whose = `${held.length === 1 ? "tenant" : "tenants"} ${held.join(", ")}`;
  const consequence = held.length === 0 ? "" : ` Nothing of ${whose} would be changed.`;
  return `${described}${wrap(counted + consequence, "")}\n`;
}

function asJson(directory: string, outcome: Outcome, problems: readonly Problem[], valid: boolean): string {
  const facts =
    "error" in outcome
      ? { error: { code: outcome.error.code, message: outcome.error.message, fix: outcome.error.fix } }
      : {
          digest: outcome.revision.digest,
          commit: outcome.revision.commit,
          objects: numbers(outcome.revision),
          held: heldTenants(outcome.revision),
        };
  return `${JSON.stringify({ valid, directory, ...facts, problems }, null, 2)}\n`;
}
