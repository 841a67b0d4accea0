import type { FleetName } from "../api/names.ts";
import { fleetDirectory } from "../facts/script.ts";
import {
  type BatchOperation,
  type DomainOperation,
  SANDBOX,
  type ScriptOperation,
} from "../resources/operation.ts";
import { domainPrograms, domainStart } from "./domain-script.ts";
import { COLLECTOR_PROGRAMS } from "./collector-programs.ts";
import { GATEWAY_PROGRAMS } from "./gateway-programs.ts";
import { RESOLVER_PROGRAMS } from "./resolver-programs.ts";

/** One tenant's part of a script: it may fail without stopping the others'. */
export interface Block {
  readonly tenant: string;
  readonly operations: readonly BatchOperation[];
  /** Path of each container's sandbox, for the operations that need one. */
  readonly sandboxes: ReadonlyMap<string, string>;
}

/** Who changes the hypervisor, as the fence there remembers it. */
export interface FenceClaim {
  readonly epoch: number;
  /** Identity of the ledger. */
  readonly ledger: string;
  /** `machine:pid`, for people. */
  readonly holder: string;
  readonly manifests: string;
}

/** How long a change waits for another one on the same hypervisor to end. */
const LOCK_SECONDS = 30;
/** A fence as a hypervisor keeps it, for a shell to write between double quotes. */
export const fenceLine = ({ epoch, ledger, holder, manifests }: FenceClaim): string =>
  [String(epoch), "held", "$(date +%s)", ledger, quoteWord(holder), quoteWord(manifests)].join(" ");

/** Exit status of a script that met a newer fence: it did nothing. */
export const FENCED = 75;
/** Exit status of a script that met a serial other than it was decided from: it did nothing. */
export const OUTDATED = 76;

/** Shell lines that end a script with {@link FENCED} where a newer controller has been; `$serial` is then the fence's. */
export const fenceRefusal = (fleet: FleetName, claim: FenceClaim): string => `F=${fleetDirectory(fleet)}/fence
serial=0
if [ -e "$F" ]; then
  read -r epoch state at ledger holder manifests serial < "$F"
  # guard: fence
  [ "\${epoch:-0}" -lt ${claim.epoch} ] || { [ "$epoch" -eq ${claim.epoch} ] && [ "$ledger" = ${claim.ledger} ]; } || { echo "epoch $epoch: $state $at $ledger $holder $manifests" >&2; exit ${FENCED}; }
fi`;

/**
 * One script for one hypervisor: takes the fleet's lock there, refuses to act when a newer controller has been, or anything
 * was changed since the look that it was decided from, and runs each block. It is in braces, so that a shell to which only
 * its beginning arrives does nothing: it would take the end of its input for the end of a here-document, and half an id for
 * an id. Everything a manifest says reaches the tools as quoted lines on their standard input, never the shell.
 */
export function changeScript(
  fleet: FleetName,
  nonce: string,
  claim: FenceClaim,
  serial: number,
  blocks: readonly Block[],
): string {
  const directory = fleetDirectory(fleet);
  return `{
export LC_ALL=C
umask 077
mkdir -p ${directory} || exit 1
exec 9>${directory}/lock
# guard: one change at a time
flock -w ${LOCK_SECONDS} 9 || { echo "another change holds the lock" >&2; exit 1; }
${fenceRefusal(fleet, claim)}
# guard: what is decided from an old look does nothing
[ "\${serial:-0}" -eq ${serial} ] || { echo "change $serial" >&2; exit ${OUTDATED}; }
echo "${fenceLine(claim)} ${serial + 1}" > "$F.new" && mv "$F.new" "$F" || exit 1
e=$(mktemp) || exit 1
trap 'rm -f "$e" "$e".*' EXIT
${PROGRAMS}${startsOrEndsDomains(blocks) ? domainPrograms(fleet) : ""}
${blocks.map((block) => renderBlock(block, nonce)).join("")}
echo "#>${nonce} end"
}
`;
}

/** A word for inside double quotes that holds nothing a shell would act on. */
const quoteWord = (text: string): string =>
  // guard: no manifest text in a shell
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`) || "-";

/** What takes more than one command, as functions of the script. */
export const PROGRAMS = `
SETTINGS='cd /proc/sys/net; while IFS== read -r path value; do
  case $path in bridge/*) [ -e "$path" ] || continue;; esac; echo "$value" > "$path"; done'
FORGET='while read -r words; do conntrack -D $words >/dev/null 2>&1 || :; done'
host_chain() { iptables -w -n -L "$1" >/dev/null 2>&1 || iptables -w -N "$1" || return 1
  iptables -w -C "$2" -j "$1" 2>/dev/null || iptables -w -I "$2" 1 -j "$1"; }
host_chain_remove() { while read -r c; do
  # guard: owner's mark
  iptables -w -S "$c" 2>/dev/null | grep -q '^-A' && continue
  for hook in INPUT FORWARD; do while iptables -w -D "$hook" -j "$c" 2>/dev/null; do :; done; done
  iptables -w -F "$c" && iptables -w -X "$c" || return 1; done; }
unpause() { while read -r id; do docker unpause "$id" >/dev/null 2>"$e.docker" ||
  [ "$(docker inspect -f '{{.State.Paused}}' "$id" 2>/dev/null)" != true ] || { cat "$e.docker" >&2; return 1; }; done; }
signal() { while read -r name id; do docker kill -s "$name" "$id" >/dev/null 2>"$e.docker" ||
  [ "$(docker inspect -f '{{.State.Running}}' "$id" 2>/dev/null)" != true ] || { cat "$e.docker" >&2; return 1; }; done; }
# Whoever is still connected gets a reset while there are links to send it through: what a process leaves open is ended
# politely, if at all, and an answer without a length would seem to be whole.
reset_connections() { for id; do for f in /run/containerd /run/docker/containerd/daemon; do
  f=$f/io.containerd.runtime.v2.task/moby/$id/init.pid; [ ! -r "$f" ] || nsenter --net="/proc/$(cat "$f")/ns/net" ss -K -t; done; done; }
# guard: unknown outcome is not success
remove_containers() { ids=$(cat); reset_connections $ids >/dev/null 2>&1 || :; docker rm -f -v $ids >/dev/null 2>"$e.docker" && return
  for id in $ids; do ! docker inspect "$id" >/dev/null 2>&1 || { cat "$e.docker" >&2; return 1; }; done; }
netns_add() { while read -r n; do f=/run/netns/$n
  if [ -e "$f" ]; then
    # guard: "exists" is not success
    [ "$(stat -f -c %T "$f")" != nsfs ] || continue
    # An empty file is what an "ip netns add" leaves that was cut off.
    [ ! -f "$f" ] || [ -s "$f" ] || rm "$f" || return 1
  fi
  ip netns add "$n" || return 1
  # The kernel tells who listens only of namespaces that have a number.
  ip netns set "$n" auto 2>/dev/null || :; done; }
netns_remove() { while read -r n; do [ -e "/run/netns/$n" ] || continue
  # guard: look before destroying
  p=$(ip netns pids "$n"); [ -z "$p" ] || { kill $p 2>/dev/null || :; i=0
    while [ -n "$(ip netns pids "$n")" ] && [ $i -lt 20 ]; do sleep 0.1; i=$((i + 1)); done
    p=$(ip netns pids "$n"); [ -z "$p" ] || kill -9 $p || :; }
  ip netns del "$n" || return 1; done; }
${GATEWAY_PROGRAMS}${RESOLVER_PROGRAMS}${COLLECTOR_PROGRAMS}`;

/** Whether there is anything to do with virtual machines: their functions are long. */
const startsOrEndsDomains = (blocks: readonly Block[]): boolean =>
  blocks.some(({ operations }) =>
    operations.some(({ tool }) => tool === "domain" || tool === "domain-start"),
  );

function renderBlock({ tenant, operations, sandboxes }: Block, nonce: string): string {
  return `( set -e
${renderSections(operations, sandboxes)}) 2> "$e"; c=$?; echo "#>${nonce} ${tenant} $c"; head -c 4000 "$e"\n`;
}

/** The calls alone, as few as the order allows; they need {@link PROGRAMS} before them. */
export const renderSections = (
  operations: readonly BatchOperation[],
  sandboxes: ReadonlyMap<string, string> = new Map(),
): string =>
  coalesce(operations, sandboxes)
    .map((section) => ("request" in section ? domainStart(section.request, EOF) : renderSection(section)))
    .join("");

interface Section {
  readonly tool: ScriptOperation["tool"];
  readonly namespace: string | undefined;
  readonly sandbox: string | undefined;
  readonly lines: string[];
}

/** Neighbouring operations for the same tool in the same place become one call: forks are what a batch costs. */
function coalesce(
  operations: readonly BatchOperation[],
  sandboxes: ReadonlyMap<string, string>,
): (Section | DomainOperation)[] {
  const sections: (Section | DomainOperation)[] = [];
  for (const operation of operations) {
    if (operation.tool === "domain-start") {
      sections.push(operation);
      continue;
    }
    const { tool, namespace, lines, sandboxOf } = operation;
    const path = sandboxOf === undefined ? undefined : sandboxes.get(sandboxOf);
    const sandbox = tool === "sandbox" ? path : undefined;
    const resolved = path === undefined ? lines : lines.map((line) => line.replace(SANDBOX, path));
    const last = sections.at(-1);
    if (
      last &&
      "lines" in last &&
      MERGES.has(tool) &&
      last.tool === tool &&
      last.namespace === namespace &&
      last.sandbox === sandbox
    )
      last.lines.push(...resolved);
    else sections.push({ tool, namespace, sandbox, lines: [...resolved] });
  }
  return sections;
}

/** Tools whose input may be lengthened; a restore file is whole as it is. */
const MERGES: ReadonlySet<string> = new Set<ScriptOperation["tool"]>([
  "ip",
  "ip-inside",
  "bridge",
  "bridge-inside",
  "sysctl",
  "conntrack",
  "sandbox",
  "unpause",
  "signal",
  "remove-container",
  "resolver-stop",
  "collector-stop",
  "domain",
  "netns-add",
  "netns-remove",
]);

/** Ends a section's lines; no line of ours can be equal to it, because none begins with a dot. */
const EOF = ".EVENKEEL";

function renderSection({ tool, namespace, sandbox, lines }: Section): string {
  if (tool === "host-chain") return `host_chain ${lines.join(" ")}\n`;
  // guard: no manifest text in a shell
  return `${command(tool, namespace, sandbox)} <<'${EOF}'\n${lines.join("\n")}\n${EOF}\n`;
}

function command(tool: Section["tool"], namespace: string | undefined, sandbox: string | undefined): string {
  const inside = `nsenter --net=/run/netns/${namespace}`;
  switch (tool) {
    case "ip":
      return "ip -batch -";
    case "ip-inside":
      return `ip -n ${namespace} -batch -`;
    case "bridge":
      return "bridge -batch -";
    case "bridge-inside":
      return `bridge -n ${namespace} -batch -`;
    case "sandbox":
      // iproute2 takes names relative to /run/netns: one fork instead of nsenter and ip.
      return `ip -n ../..${sandbox} -batch -`;
    case "sysctl":
      return `${inside} sh -ec "$SETTINGS"`;
    case "iptables":
      return `${inside} iptables-restore`;
    case "ip6tables":
      return `${inside} ip6tables-restore`;
    case "ebtables":
      return `${inside} ebtables-nft-restore`;
    case "conntrack":
      return `${inside} sh -c "$FORGET"`;
    case "host-iptables":
      return "iptables-restore -w 10 --noflush";
    case "host-chain":
      return "host_chain";
    case "host-chain-remove":
      return "host_chain_remove";
    case "unpause":
      return "unpause";
    case "signal":
      return "signal";
    case "remove-container":
      return "remove_containers";
    case "resolver-start":
      return `resolver_start ${namespace}`;
    case "resolver-tell":
      return `resolver_tell ${namespace}`;
    case "resolver-stop":
      return "resolver_stop";
    case "collector-start":
      return `collector_start ${namespace}`;
    case "collector-stop":
      return "collector_stop";
    case "domain":
      return "domain";
    case "netns-add":
      return "netns_add";
    case "netns-remove":
      return "netns_remove";
  }
}
