import { EvenkeelError } from "../api/errors.ts";
import type { KindName } from "../api/kinds.gen.ts";
import { commitFile, mustBeCommittable } from "../manifests/commit.ts";
import { editFields } from "../manifests/edit-file.ts";
import { didYouMean } from "../manifests/nearest.ts";
import { fieldNames, schemaAt } from "../manifests/schema.ts";
import { dotted, parseAssignments } from "./assignment.ts";
import { tellEdit } from "./edit.ts";
import { explained } from "./explained.ts";
import { describeField, messageOf } from "./set-text.ts";
import { sameDirectory } from "./streams.ts";
import { parseDeclared } from "./subject.ts";

export interface SetOptions {
  readonly namespace?: string;
  /** Commit the file to git, and it alone. */
  readonly commit?: boolean;
}

/** `reconcile set`: changes fields of an object in its manifest, all or none. */
export async function set(word: string, words: readonly string[], options: SetOptions): Promise<number> {
  const { kind, key, title } = parseDeclared(word, options.namespace);
  const { fields, directory } = parseAssignments(words);
  for (const { path, value } of fields) if (value === undefined) mustBeKnown(kind, path);
  const edited = await explained(directory, () =>
    editFields(directory, key, () => fields, options.commit ? { beforeWriting: mustBeCommittable } : {}),
  );
  const message = messageOf(title, edited.fields);
  const commit = options.commit && edited.changed ? await commitFile(edited.path, message) : undefined;
  tellEdit(directory, edited, {
    done: `${title} is as asked`,
    subject: message.subject,
    details: edited.fields.map(describeField),
    next: [`reconcile plan${sameDirectory(directory)}`],
    commit,
  });
  return 0;
}

/** What is taken away must be a field at least, else a slip would look like work done. */
function mustBeKnown(kind: KindName, path: readonly string[]): void {
  const depth = path.findIndex((_step, index) => schemaAt(kind, path.slice(0, index + 1)) === undefined);
  const wrong = path[depth];
  if (wrong === undefined) return;
  const known = fieldNames(kind, path.slice(0, depth));
  throw new EvenkeelError("EK-USAGE", `${kind} has no field ${dotted(path.slice(0, depth + 1))}`, {
    fix: didYouMean(wrong, known) ?? `known here: ${known.join(", ")}`,
  });
}
