import { hypervisorRule, type Rule } from "./rule.ts";

/** The fingerprint in the first tree that `reconcile init` writes. No key has it. */
const PLACEHOLDER = "SHA256:FILLxINxTHExFINGERPRINTxOFxYOURxHOSTSxKEYxx";

/** What nobody but the reader knows is told, and no error: the tree is sound, and the hypervisor is only not reached yet. */
export const PLACEHOLDER_RULES: readonly Rule[] = [
  hypervisorRule(["spec.connection"], ({ spec: { connection } }) =>
    (connection.ssh?.hostKeys ?? []).flatMap((key, index) =>
      key === PLACEHOLDER
        ? [
            {
              severity: "warning",
              code: "EK-PLACEHOLDER",
              path: ["spec", "connection", "ssh", "hostKeys", index],
              message: "is still to be filled in: until then the hypervisor is not reached",
              suggestion: "fill in what is marked FILL IN, here and in the other files",
            },
          ]
        : [],
    ),
  ),
];
