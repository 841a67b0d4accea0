import { editField } from "../manifests/edit-file.ts";
import { tellEdit } from "./edit.ts";
import { explained } from "./explained.ts";
import { parseHypervisor } from "./subject.ts";

/** `reconcile uncordon`: lets new replicas onto a hypervisor again, in its manifest. */
export async function uncordon(word: string, directory: string): Promise<number> {
  const name = parseHypervisor(word);
  const edited = await explained(directory, () =>
    editField(directory, `Hypervisor//${name}`, (object) =>
      object.kind === "Hypervisor" && object.spec.unschedulable
        ? { path: ["spec", "unschedulable"], value: undefined }
        : undefined,
    ),
  );
  tellEdit(directory, edited, { done: `${name} is not cordoned`, subject: `Uncordon ${name}` });
  return 0;
}
