import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import { EvenkeelError } from "../api/errors.ts";
import { DEFAULT_LISTEN, parseListen } from "../server/listen.ts";
import { LOG_LEVELS } from "../telemetry/log.ts";
import { parseDuration } from "./duration.ts";

/** Where every command looks for manifests unless it is told. */
export const DEFAULT_DIRECTORY = "./manifests";

/** Where the manifests are: the argument of every command that reads them. */
export const directory = (): Argument =>
  new Argument("[DIR]", "directory of the manifests").default(DEFAULT_DIRECTORY);

/** The same for commands whose arguments are names. */
export const manifests = (): Option =>
  new Option("-f, --manifests <dir>", "directory of the manifests")
    .default(DEFAULT_DIRECTORY)
    .env("EVENKEEL_MANIFESTS");

/** Whose objects are meant. */
export const tenant = (): Option =>
  new Option("-n, --namespace <tenant>", "of this tenant").env("EVENKEEL_NAMESPACE");

/** How the answer is printed; the first format is the default. */
export const output = (...formats: readonly string[]): Option =>
  new Option("-o, --output <format>", "how the answer is printed").choices(formats).default(formats[0]);

/** How long ago what is shown may have happened, in seconds. */
export const since = (): Option =>
  new Option("--since <duration>", "only what is not older, such as 5m or 2h").argParser(duration);

/** How many changes are shown. */
export const last = (): Option =>
  new Option("--last <number>", "the last changes of its count instead, one a line").argParser((text) => {
    if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("it is a number from 1 to 9999.");
    return Number(text);
  });

/** Where the ledger and the history are. */
export const stateDirectory = (): Option =>
  new Option(
    "--state-dir <dir>",
    "where the ledger is kept (root: /var/lib/evenkeel/FLEET/state, else below $XDG_STATE_HOME)",
  ).env("EVENKEEL_STATE_DIR");

/** A command that changes nothing anywhere: neither a hypervisor nor the ledger, nor any file. */
export const dry = (command: Command): Command => command.helpGroup("Commands that change nothing:");

/** A command that changes hypervisors, or tells a daemon to. */
export const acting = (command: Command): Command => command.helpGroup("Commands that change hypervisors:");

/** A command that edits manifests. */
export const editing = (command: Command): Command => command.helpGroup("Commands that edit manifests:");

/** What is logged. */
export const logLevel = (): Option =>
  new Option("--log-level <level>", "structured log on standard error")
    .choices(LOG_LEVELS)
    .default("silent")
    .env("EVENKEEL_LOG_LEVEL");

/** Options of every command that works on hypervisors. */
export const onHypervisors = (command: Command): Command =>
  command
    .addOption(stateDirectory())
    .addOption(
      new Option(
        "--keys-dir <dir>",
        "where SSH keys lie (root: /etc/evenkeel/keys, else below $XDG_CONFIG_HOME)",
      ).env("EVENKEEL_KEYS_DIR"),
    )
    .addOption(logLevel());

/** How long a command may take. */
export const timeout = (): Option =>
  new Option("--timeout <duration>", "end after this long, such as 30s, 10m or 1h")
    .argParser(duration)
    .default(600, "10m")
    .env("EVENKEEL_TIMEOUT");

/** Options of commands that change hypervisors. */
export const changing = (command: Command): Command =>
  onHypervisors(command)
    .addOption(timeout())
    .addOption(
      new Option("--take-over", "act on hypervisors that another controller holds").env("EVENKEEL_TAKE_OVER"),
    );

/** How often the daemon reads and looks at everything, whether or not something is known to have changed. */
export const resync = (): Option =>
  new Option("--resync <duration>", "daemon: read and look at everything this often")
    .argParser(duration)
    .default(30, "30s")
    .env("EVENKEEL_RESYNC");

/** Where the daemon serves metrics and health; by default where nobody else asks. */
export const listen = (): Option => listenAt(DEFAULT_LISTEN, "daemon: where").env("EVENKEEL_LISTEN");

/** The same for what runs beside a daemon: any free port. */
export const listenAnywhere = (): Option => listenAt("127.0.0.1:0", "where");

const listenAt = (fallback: string, where: string): Option =>
  new Option("--listen <address>", `${where} /metrics, /healthz and /readyz are served`)
    .argParser((text) => {
      const found = parseListen(text);
      if (found === undefined)
        throw new InvalidArgumentError("it is given as 127.0.0.1:9478 or [::1]:9478, with port 0 for any.");
      return found;
    })
    .default(parseListen(fallback), fallback);

/** Another load curve for the demo. */
export const load = (): Option =>
  new Option("--load <file>", "another load curve: YAML with load: [{at: SECONDS, cpus: NUMBER}, ...]");

/** Options of commands that show changes. */
export const showing = (command: Command): Command =>
  command
    .option("-v, --verbose", "every change on a line of its own")
    .addOption(
      new Option("--detailed-exitcode", "exit 2 when there are changes").env("EVENKEEL_DETAILED_EXITCODE"),
    );

function duration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new InvalidArgumentError("it is given as 30s, 10m or 1h.");
  return seconds;
}

/** Commander takes an option without a value as given whenever its variable is set: `0`, `false` and nothing mean no. */
export function withoutEmptyVariables(environment: NodeJS.ProcessEnv): void {
  for (const name of ["EVENKEEL_TAKE_OVER", "EVENKEEL_DETAILED_EXITCODE"])
    if (["", "0", "false"].includes(environment[name] ?? "")) delete environment[name];
}

/**
 * The daemon has no use for what only `--once` understands, and must not be started by one who meant that.
 * @throws EvenkeelError EK-USAGE
 */
export function mustBeOnce(options: { readonly dryRun?: boolean; readonly autoscale?: boolean }): void {
  const [given] = [options.dryRun ? "--dry-run" : [], options.autoscale ? "--autoscale" : []].flat();
  if (given === undefined) return;
  throw new EvenkeelError("EK-USAGE", `${given} goes with --once`, { fix: `reconcile --once ${given}` });
}
