import type { TableFact } from "./facts.ts";

/**
 * Rules are compared by meaning, not by text: iptables-save sorts options its own way, spells out `-m tcp`, adds `/32` and
 * prints counters. {@link canonicalRule} brings what we write and what it prints to one form.
 */
export function canonicalRule(rule: string): string {
  const found = known.get(rule);
  if (found !== undefined) return found;
  const canonical = former.get(rule) ?? brought(rule);
  known.set(rule, canonical);
  return canonical;
}

/** Each pass reads the same rules as the one before: a third of what a pass with nothing to do would compute. */
let known = new Map<string, string>();
let former: ReadonlyMap<string, string> = known;

/** Forgets rules that nobody asked for since this was last called, so that only those are kept that stand somewhere. */
export function forgetRules(): void {
  former = known;
  known = new Map();
}

function brought(rule: string): string {
  const clauses = splitClauses(words(rule));
  const jump = clauses.filter((clause) => clause.startsWith("-j"));
  const matches = clauses.filter((clause) => !clause.startsWith("-j") && !isImplied(clause));
  const [chain = "", ...others] = matches;
  return [chain, ...others.toSorted(), ...jump].join(" ");
}

/** `-p tcp` already says `-m tcp`; iptables-save prints both. */
const isImplied = (clause: string): boolean => /^-m (tcp|udp|icmp)$/.test(clause);

/** Single-letter options start a clause of their own; `--long` options belong to the match or target before them. */
function splitClauses(tokens: readonly string[]): string[] {
  const clauses: string[] = [];
  let negation = "";
  for (const token of tokens) {
    if (token === "!") negation = "! ";
    else if (/^-[A-Za-z]$/.test(token)) {
      clauses.push(`${negation}${token}`);
      negation = "";
    } else if (token.startsWith("--") && implicit(clauses.at(-1))) {
      clauses.push(`${negation}${token}`);
      negation = "";
    } else {
      clauses[clauses.length - 1] += ` ${negation}${normalised(token)}`;
      negation = "";
    }
  }
  return clauses;
}

/** Long options after `-p tcp` or `-m tcp` (ports, flags) sort as clauses of their own, whichever of the two stood there. */
const implicit = (clause: string | undefined): boolean =>
  clause !== undefined &&
  /^(! )?(-p \S+|-m (tcp|udp|icmp)|--(dport|sport|icmp-type|tcp-flags)\b.*)$/.test(clause);

/** `/32` says nothing, and quotes around a word without blanks neither; iptables prints both. */
const normalised = (token: string): string =>
  token.replace(/^(\d+(?:\.\d+){3})\/32$/, "$1").replace(/^"([^\s"]*)"$/, "$1");

const words = (rule: string): string[] => rule.match(/"[^"]*"|\S+/g) ?? [];

interface ParsedTable {
  chains: Record<string, string>;
  rules: string[];
  printed: string[];
}

/**
 * Parses the output of iptables-save, ip6tables-save and ebtables-save into tables by name.
 * @param ending the line that closes each table; ebtables prints none. A table without it was cut off.
 */
export function parseTables(text: string, ending?: "COMMIT"): Record<string, TableFact> {
  const begun = text.match(/^\*/gm)?.length ?? 0;
  const ended = ending === undefined ? begun : (text.match(/^COMMIT$/gm)?.length ?? 0);
  if (ended !== begun) throw new SyntaxError(`${begun - ended} of ${begun} tables are cut off`);
  const tables: Record<string, ParsedTable> = {};
  let current: ParsedTable | undefined;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line.startsWith("*")) tables[line.slice(1)] = current = { chains: {}, rules: [], printed: [] };
    else if (line.startsWith(":") && current) {
      const [name = "", policy = "-"] = line.slice(1).split(" ");
      current.chains[name] = policy;
    } else if (line.startsWith("-A") && current) {
      current.printed.push(withoutCounters(line));
      current.rules.push(canonicalRule(withoutCounters(line)));
    }
  }
  return tables;
}

/** ebtables-save prints `-c PACKETS BYTES` when asked for counters. */
const withoutCounters = (line: string): string => line.replace(/ -c \d+ \d+/, "");
