import { EvenkeelError } from "../api/errors.ts";
import { READERS } from "./contact-facts.ts";
import { type ContactOptions, contactScript } from "./contact-script.ts";
import type { Finding } from "./finding.ts";
import type { Shell } from "./shell.ts";

/** Seconds for the whole check; most of it is for a Docker Engine that does not answer. */
const CONTACT_SECONDS = 30;

/**
 * Checks what must be there before evenkeel works on a hypervisor: one script there, and one question to Docker from
 * here, by the same way that containers are made. Rejects as {@link Shell.run} does.
 */
export async function contact(
  shell: Shell,
  asked: ContactOptions,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { stdout } = await shell.run(contactScript(asked), {
    deadlineSeconds: CONTACT_SECONDS,
    signal,
  });
  const findings = readContact(stdout);
  const engine = findings.find(({ check }) => check === "docker engine");
  // About an engine that is silent there, silence here says nothing new.
  return engine?.state === "passed" ? [...findings, await dockerFromHere(shell, signal)] : findings;
}

/** What the output of {@link contactScript} means. When its last line is missing, that is a failed finding itself. */
export function readContact(stdout: string): readonly Finding[] {
  const facts = stdout.split("\n").map((line) => line.trim().split(/\s+/));
  const findings = facts
    .map(([fact = "", ...words]) => READERS.get(fact)?.(words))
    .filter((finding) => finding !== undefined);
  if (facts.some(([fact]) => fact === "end")) return findings;
  const message = "the check was cut off before its end";
  return [
    ...findings,
    { check: "complete", state: "failed", message, fix: "see what keeps the hypervisor busy" },
  ];
}

/** sshd can refuse to forward a unix socket, and says no more about it than if Docker were down. */
async function dockerFromHere(shell: Shell, signal: AbortSignal): Promise<Finding> {
  const check = "docker from here";
  try {
    await shell.containers.list(signal);
    return { check, state: "passed", message: "Docker answers evenkeel" };
  } catch (error) {
    if (!(error instanceof EvenkeelError)) throw error;
    const message = `Docker answers there, but not evenkeel: ${error.message}`;
    const fix =
      "in its sshd_config: AllowStreamLocalForwarding yes, AllowTcpForwarding local, no PermitOpen none; systemctl reload ssh";
    return { check, state: "failed", message, fix };
  }
}
