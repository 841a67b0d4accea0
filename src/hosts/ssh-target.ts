import type { HypervisorName } from "../api/names.ts";

/** Where a hypervisor answers, who logs in, and which host keys are accepted. */
export interface SshTarget {
  readonly name: HypervisorName;
  /** IP address or DNS name. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Full path of the private key. */
  readonly identityFile: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints them. Empty: no host is accepted. */
  readonly hostKeys: readonly string[];
}
