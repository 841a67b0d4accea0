import { editField } from "../manifests/edit-file.ts";
import { tellEdit } from "./edit.ts";
import { explained } from "./explained.ts";
import { parseSubnet } from "./subject.ts";

export interface ResumeOptions {
  readonly namespace?: string;
}

/** `reconcile resume`: takes a subnet's pause out of its manifest. */
export async function resume(word: string, directory: string, options: ResumeOptions): Promise<number> {
  const { tenant, subnet } = parseSubnet(word, options.namespace);
  const edited = await explained(directory, () =>
    editField(directory, `Subnet/${tenant}/${subnet}`, () => ({
      path: ["spec", "autoscale", "pause"],
      value: undefined,
    })),
  );
  tellEdit(directory, edited, {
    done: `${tenant}/${subnet} is not paused`,
    subject: `Resume ${tenant}/${subnet}`,
  });
  return 0;
}
