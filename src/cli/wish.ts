import { EvenkeelError } from "../api/errors.ts";
import { parseWishes, type Wish } from "./select.ts";

/** Reads `subnet/web`: exactly one object. */
export function oneOf(word: string): Required<Wish> {
  const [wish] = word.includes("/") ? parseWishes([word]) : [];
  if (wish?.name !== undefined) return { kind: wish.kind, name: wish.name };
  throw new EvenkeelError("EK-USAGE", `${JSON.stringify(word)} names no object`, {
    fix: "name one as hypervisor/hv1, tenant/t2, subnet/web or replica/web-1",
  });
}
