import { editField } from "../manifests/edit-file.ts";
import { tellEdit } from "./edit.ts";
import { explained } from "./explained.ts";
import { parseHypervisor } from "./subject.ts";

/** `reconcile cordon`: keeps new replicas away from a hypervisor, in its manifest. */
export async function cordon(word: string, directory: string): Promise<number> {
  const name = parseHypervisor(word);
  const edited = await explained(directory, () =>
    editField(directory, `Hypervisor//${name}`, () => ({
      path: ["spec", "unschedulable"],
      value: true,
    })),
  );
  tellEdit(directory, edited, { done: `${name} is cordoned`, subject: `Cordon ${name}` });
  return 0;
}
