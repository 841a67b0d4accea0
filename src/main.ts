import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import {
  DEFAULT_DIRECTORY,
  acting,
  changing,
  directory,
  dry,
  editing,
  last,
  listen,
  listenAnywhere,
  load,
  logLevel,
  manifests,
  mustBeOnce,
  onHypervisors,
  output,
  resync,
  showing,
  since,
  stateDirectory,
  tenant,
  timeout,
  withoutEmptyVariables,
} from "./cli/options.ts";
import type { DaemonOptions } from "./cli/daemon.ts";
import type { DemoOptions } from "./cli/demo.ts";
import type { DescribeOptions } from "./cli/describe.ts";
import type { DiffOptions } from "./cli/diff.ts";
import type { DownOptions } from "./cli/down.ts";
import type { DrainOptions } from "./cli/drain.ts";
import type { EventsOptions } from "./cli/events.ts";
import type { ExportOptions } from "./cli/export.ts";
import type { GetOptions } from "./cli/get.ts";
import type { GraphOptions } from "./cli/graph.ts";
import type { OnceOptions } from "./cli/once.ts";
import type { PauseOptions } from "./cli/pause.ts";
import type { PlanOptions } from "./cli/plan.ts";
import type { ResumeOptions } from "./cli/resume.ts";
import type { SetOptions } from "./cli/set.ts";
import type { ApproveOptions } from "./cli/approve.ts";
import type { TopOptions } from "./cli/top.ts";
import type { UpOptions } from "./cli/up.ts";
import type { ValidateOptions } from "./cli/validate.ts";
import type { WaitOptions } from "./cli/wait.ts";
import type { WhyOptions } from "./cli/why.ts";

const VERSION = process.env.EVENKEEL_BUILD_VERSION ?? "0.0.0-source";

/** What init writes lies beside the program. */
const firstTree = (): string => fileURLToPath(new URL("first-tree", import.meta.url));

/** The exit code of a command that could not do its work. */
let exitOnError = 1;

const program = new Command("reconcile")
  .description("Keeps tenants' networks and servers on hypervisors as their manifests say.")
  .version(VERSION, "-V, --version")
  .configureHelp({ helpWidth: 80, sortSubcommands: true })
  .configureOutput({
    outputError: (text, write) => write(`${text.trimEnd().replaceAll("\n", " ")} [EK-USAGE]\n`),
  })
  .showHelpAfterError("fix: see reconcile --help")
  .helpCommand(false)
  .enablePositionalOptions();

showing(changing(program))
  .addArgument(directory())
  .option("--once", "converge, see that it is so, and end")
  .option("--dry-run", "with --once: show what would be done, and do nothing")
  .option("--autoscale", "with --once: decide once on subnets' counts by their load, then converge")
  .addOption(resync())
  .addOption(listen())
  .addOption(output("text", "json"))
  .action(async (path: string, options: OnceOptions & DaemonOptions & { readonly once?: boolean }) => {
    if (options.once) {
      const { once } = await import("./cli/once.ts");
      process.exitCode = await once(path, options);
    } else {
      mustBeOnce(options);
      const { daemon, isAskedForNothing } = await import("./cli/daemon.ts");
      if (await isAskedForNothing(program.args.length > 0)) program.help({ error: true });
      process.exitCode = await daemon(path, options, VERSION);
    }
  });

dry(program.command("demo"))
  .description("see it work on simulated hypervisors, five times faster than life; write nothing")
  .option("--stay", "go on after the story, until a signal comes")
  .addOption(load())
  .addOption(listenAnywhere())
  .addOption(logLevel())
  .action(async (options: DemoOptions) => {
    const { demo } = await import("./cli/demo.ts");
    process.exitCode = await demo(fileURLToPath(new URL("scene", import.meta.url)), options, VERSION);
  });

dry(program.command("validate"))
  .description("check manifests without touching any hypervisor")
  .addArgument(directory())
  .addOption(output("text", "json"))
  .action(async (path: string, options: ValidateOptions) => {
    const { validate } = await import("./cli/validate.ts");
    process.exitCode = await validate(path, options);
  });

showing(onHypervisors(dry(program.command("plan"))))
  .description("show what --once would do; change nothing")
  .addArgument(directory())
  .addOption(output("text", "json"))
  .action(async (path: string, options: PlanOptions) => {
    const { plan } = await import("./cli/plan.ts");
    process.exitCode = await plan(path, options);
  });

onHypervisors(dry(program.command("diff")))
  .description("show what is against what is asked for, in diff's manner; change nothing")
  .addArgument(directory())
  .addOption(output("text", "json"))
  .action(async (path: string, options: DiffOptions) => {
    exitOnError = 2; // as diff(1) does, whose 1 means differences
    const { diff } = await import("./cli/diff.ts");
    process.exitCode = await diff(path, options);
  });

onHypervisors(dry(program.command("get")))
  .description("show objects and how they stand; change nothing")
  .addArgument(
    new Argument(
      "<what...>",
      "all, hypervisors (hv), tenants (ten), subnets (sub), replicas (rep), subnet/NAME, " +
        "or state: a tenant's in one piece, for programs (-o legacy as the predecessor wrote it)",
    ),
  )
  .addOption(manifests())
  .addOption(tenant())
  .option("-A, --all-namespaces", "of all tenants; so it is without -n")
  .addOption(output("table", "wide", "json", "yaml", "name", "legacy"))
  .action(async (words: string[], options: GetOptions) => {
    const { get } = await import("./cli/get.ts");
    process.exitCode = await get(words, options);
  });

onHypervisors(dry(program.command("describe")))
  .description("show one object with its conditions, what belongs to it and its last events")
  .argument("<object>", "hypervisor/NAME, tenant/NAME, or subnet/NAME, replica/NAME with -n")
  .addOption(manifests())
  .addOption(tenant())
  .action(async (word: string, options: DescribeOptions) => {
    const { describe } = await import("./cli/describe.ts");
    process.exitCode = await describe(word, options);
  });

onHypervisors(dry(program.command("graph")))
  .description("draw tenants, segments and replicas on their hypervisors; change nothing")
  .addArgument(directory())
  .addOption(tenant())
  .addOption(output("text", "mermaid", "svg", "json"))
  .action(async (path: string, options: GraphOptions) => {
    const { graph } = await import("./cli/graph.ts");
    process.exitCode = await graph(path, options);
  });

dry(program.command("events"))
  .description("show what happened, the newest last")
  .argument("[object]", "hypervisor/NAME, tenant/NAME, or subnet/NAME, replica/NAME with -n")
  .addOption(manifests())
  .addOption(tenant())
  .addOption(since())
  .addOption(stateDirectory())
  .addOption(output("table", "json", "name"))
  .action(async (word: string | undefined, options: EventsOptions) => {
    const { events } = await import("./cli/events.ts");
    process.exitCode = await events(word, options);
  });

onHypervisors(dry(program.command("top")))
  .description("show how much CPU is used now, the most loaded first; change nothing")
  .argument("[what]", "hypervisors (hv), subnets (sub) or replicas (rep); all of them without it")
  .addOption(manifests())
  .addOption(tenant())
  .addOption(output("table", "json"))
  .action(async (word: string | undefined, options: TopOptions) => {
    const { top } = await import("./cli/top.ts");
    process.exitCode = await top(word, options);
  });

dry(program.command("why"))
  .description("show what was decided on a subnet's count, and what it came from")
  .argument("<object>", "subnet/NAME or replica/NAME with -n, or plan/ID")
  .addOption(manifests())
  .addOption(tenant())
  .option("--at <time>", "as it was then: 13:41, 13:41:20 or 2026-12-01T13:41:00Z")
  .addOption(last())
  .addOption(stateDirectory())
  .addOption(output("text", "json"))
  .action(async (word: string, options: WhyOptions) => {
    const { why } = await import("./cli/why.ts");
    process.exitCode = await why(word, options);
  });

changing(acting(program.command("drain")))
  .description("move every replica off a hypervisor, or replace one; make before break")
  .argument("<object>", "hypervisor/NAME, or replica/NAME with -n")
  .addArgument(directory())
  .addOption(tenant())
  .option("-v, --verbose", "tell every change")
  .action(async (word: string, path: string, options: DrainOptions) => {
    const { drain } = await import("./cli/drain.ts");
    process.exitCode = await drain(word, path, options);
  });

changing(acting(program.command("down")))
  .description("take a tenant or subnet off the hypervisors, and hold it down")
  .argument("<object>", "tenant/NAME, or subnet/NAME with -n")
  .addArgument(directory())
  .addOption(tenant())
  .option("--yes", "do not ask")
  .option("-v, --verbose", "tell every change")
  .action(async (word: string, path: string, options: DownOptions) => {
    const { down } = await import("./cli/down.ts");
    process.exitCode = await down(word, path, options);
  });

onHypervisors(acting(program.command("up")))
  .description("lift the hold of down or drain")
  .argument("<object>", "tenant/NAME, subnet/NAME with -n, or hypervisor/NAME")
  .addArgument(directory())
  .addOption(tenant())
  .action(async (word: string, path: string, options: UpOptions) => {
    const { up } = await import("./cli/up.ts");
    process.exitCode = await up(word, path, options);
  });

onHypervisors(acting(program.command("approve")))
  .description("let one refused plan through")
  .argument("<id>", "the plan's id, as plan and --once show it")
  .addArgument(directory())
  .option("--old-home-off", "I have seen to it that the home that cannot be seen is off")
  .action(async (id: string, path: string, options: ApproveOptions) => {
    const { approve } = await import("./cli/approve.ts");
    process.exitCode = await approve(id, path, options);
  });

editing(program.command("init"))
  .description("write a first tree of manifests, where there is none yet")
  .addArgument(directory())
  .action(async (path: string) => {
    const { init } = await import("./cli/init.ts");
    process.exitCode = await init(firstTree(), path);
  });

editing(program.command("import"))
  .description("write manifests for a tenant of the predecessor's, from its file")
  .argument("<file>", "the tenant's JSON file, of containers or of virtual machines")
  .addArgument(directory())
  .action(async (file: string, path: string) => {
    const { importTenant } = await import("./cli/import.ts");
    process.exitCode = await importTenant(firstTree(), file, path);
  });

onHypervisors(editing(program.command("export")))
  .description("print manifests of what hypervisors show, or write them")
  .addArgument(directory())
  .addOption(tenant())
  .option("--write", "into the directory, where none of them is there; instead of printing")
  .action(async (path: string, options: ExportOptions) => {
    const { exportTenants } = await import("./cli/export.ts");
    process.exitCode = await exportTenants(path, options);
  });

editing(program.command("set"))
  .description("set fields of an object, in its manifest")
  .usage("[options] <object> <path=value | path->... [DIR]")
  .argument("<object>", "hypervisor/NAME, tenant/NAME, or subnet/NAME with -n")
  .argument(
    "<fields...>",
    "as autoscale.cooldownSeconds=30; autoscale.pause- takes one away. " +
      `Then the directory of the manifests (default: ${DEFAULT_DIRECTORY})`,
  )
  .addOption(tenant())
  .option("--commit", "commit the file to git, and it alone")
  .action(async (word: string, words: string[], options: SetOptions) => {
    const { set } = await import("./cli/set.ts");
    process.exitCode = await set(word, words, options);
  });

editing(program.command("pause"))
  .description("freeze a subnet's count of replicas, in its manifest")
  .argument("<object>", "subnet/NAME with -n")
  .addArgument(directory())
  .addOption(tenant())
  .requiredOption("--reason <text>", "why, for those who look")
  .option("--until <time>", "when it ends by itself: 18:00, 2h or 2026-12-01T18:00:00Z")
  .action(async (word: string, path: string, options: PauseOptions) => {
    const { pause } = await import("./cli/pause.ts");
    process.exitCode = await pause(word, path, options);
  });

editing(program.command("resume"))
  .description("lift the pause of a subnet, in its manifest")
  .argument("<object>", "subnet/NAME with -n")
  .addArgument(directory())
  .addOption(tenant())
  .action(async (word: string, path: string, options: ResumeOptions) => {
    const { resume } = await import("./cli/resume.ts");
    process.exitCode = await resume(word, path, options);
  });

editing(program.command("cordon"))
  .description("keep new replicas away from a hypervisor, in its manifest")
  .argument("<object>", "hypervisor/NAME")
  .addArgument(directory())
  .action(async (word: string, path: string) => {
    const { cordon } = await import("./cli/cordon.ts");
    process.exitCode = await cordon(word, path);
  });

editing(program.command("uncordon"))
  .description("let new replicas onto a hypervisor again, in its manifest")
  .argument("<object>", "hypervisor/NAME")
  .addArgument(directory())
  .action(async (word: string, path: string) => {
    const { uncordon } = await import("./cli/uncordon.ts");
    process.exitCode = await uncordon(word, path);
  });

onHypervisors(dry(program.command("wait")))
  .description("look again and again until an object is as waited for; change nothing")
  .argument("<object>", "hypervisor/NAME, tenant/NAME, or subnet/NAME, replica/NAME with -n")
  .requiredOption("--for <what>", "Ready, Deleted, condition=TYPE[=STATUS] or replicas=N")
  .addOption(timeout())
  .addOption(manifests())
  .addOption(tenant())
  .action(async (word: string, options: WaitOptions) => {
    const { wait } = await import("./cli/wait.ts");
    process.exitCode = await wait(word, options);
  });

dry(program.command("version"))
  .description("show what runs here")
  .addOption(output("text", "json"))
  .action(async (options: { readonly output: "text" | "json" }) => {
    const { version } = await import("./cli/version.ts");
    version(VERSION, options.output);
  });

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

withoutEmptyVariables(process.env);
try {
  await program.parseAsync();
} catch (error) {
  const { Interrupted } = await import("./cli/interrupt.ts");
  const { coloursFor, describeError } = await import("./cli/problems.ts");
  const isInterrupted = error instanceof Interrupted;
  const text = isInterrupted ? `${error.message}\n` : describeError(error, coloursFor(process.stderr));
  process.stderr.write(text);
  process.exitCode = isInterrupted ? error.exitCode : exitOnError;
}
