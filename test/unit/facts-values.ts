import type { LinkFact, NamespaceFacts } from "../../src/facts/facts.ts";

/** What a look shows of a namespace in which there is nothing. */
export const NOTHING = {
  links: [] as LinkFact[],
  routes: [],
  neighbours: [],
  forwarding: [],
  ipv4: {},
  ipv6: {},
  bridge: {},
  sysctls: {},
} satisfies Partial<NamespaceFacts>;
