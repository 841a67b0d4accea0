import { Argument, Command, Option } from "commander";

const DIRECTORY = "./manifests";

const program = new Command("reconcile")
  .description("Keeps tenants' networks and servers on hypervisors as their manifests say.")
  .version(process.env.EVENKEEL_BUILD_VERSION ?? "0.0.0-source", "-V, --version")
  .configureHelp({ helpWidth: 80, sortSubcommands: true })
  .configureOutput({
    outputError: (text, write) => write(`${text.trimEnd().replaceAll("\n", " ")} [EK-USAGE]\n`),
  })
  .showHelpAfterError("fix: see reconcile --help")
  .helpCommand(false);

/** Where the manifests are: the argument of every command that reads them. */
const directory = (): Argument => new Argument("[DIR]", "directory of the manifests").default(DIRECTORY);

/** How the answer is printed. */
const output = (...formats: readonly string[]): Option =>
  new Option("-o, --output <format>", "how the answer is printed").choices(formats).default(formats[0]);

program
  .command("validate")
  .description("check manifests without touching any hypervisor")
  .addArgument(directory())
  .addOption(output("text", "json"))
  .action(async (path: string, options: { output: "text" | "json" }) => {
    const { validate } = await import("./cli/validate.ts");
    process.exitCode = await validate(path, options);
  });

program
  .addArgument(directory())
  .option("--once", "converge, see that it is so, and end")
  .option("--state-dir <dir>", "where the ledger is kept")
  .option("--keys-dir <dir>", "where SSH keys lie")
  .option("--timeout <seconds>", "how long", "600")
  .action(async (path: string, options) => {
    const { once } = await import("./cli/once.ts");
    process.exitCode = await once(path, { ...options, timeout: Number(options.timeout), output: "text" });
  });

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  const { coloursFor, describeError } = await import("./cli/problems.ts");
  process.stderr.write(describeError(error, coloursFor(process.stderr)));
  process.exitCode = 1;
}
