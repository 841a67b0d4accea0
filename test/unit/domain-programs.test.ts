import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { domainPrograms } from "../../src/hosts/domain-script.ts";
import { FLEET } from "./scenario.ts";

/** The functions that change virtual machines, in a shell that has a `virsh` of the test's own. */
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "domains-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const NAME = "campus.t2.web-1.aaaaaaaa";
const own = (): string => join(directory, "domains", NAME);

/** @param virsh what it does, as the body of a function: `$1` is its command */
function run(call: string, virsh: string, input: string) {
  const programs = domainPrograms(FLEET).replaceAll(`/var/lib/evenkeel/${FLEET}`, directory);
  const script = `set -e; e=${join(directory, "e")}\n${programs}
virsh_() { ${virsh}
}
chmod() { :; }
${call} <<'EOF'\n${input}\nEOF\n`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  return { status, stdout, stderr };
}

const NOBODY = `error: failed to get domain '1-2'`;

test("what is removed is gone when libvirt says so, and its files not before", () => {
  mkdirSync(own(), { recursive: true });
  // The machine is there, and libvirt does not let go of it.
  const kept = run(
    "domain",
    'case $1 in domstate) echo "shut off";; *) echo "error: busy" >&2; return 1;; esac',
    `remove 1-2 ${NAME}`,
  );
  expect(kept).toMatchObject({ status: 1, stderr: expect.stringContaining("busy") });
  expect(existsSync(own())).toBe(true);
  // Libvirt says nothing at all: that is not the same as that there is no such machine.
  expect(run("domain", "return 1", `remove 1-2 ${NAME}`).status).toBe(1);
  expect(existsSync(own())).toBe(true);
  // There is none.
  expect(run("domain", `echo "${NOBODY}" >&2; return 1`, `remove 1-2 ${NAME}`).status).toBe(0);
  expect(existsSync(own())).toBe(false);
});

test.each([
  ["resume", "running", 0],
  ["resume", "shut off", 1],
  ["shutdown", "shut off", 0],
  ["shutdown", "running", 1],
  ["stop", "crashed", 0],
  ["stop", "running", 1],
])("%s, refused while the machine is %s, ends with %d", (verb, state, status) => {
  const virsh = `case $1 in domstate) echo "${state}";; *) return 1;; esac`;
  expect(run("domain", virsh, `${verb} 1-2 ${NAME}`).status).toBe(status);
});

test("one that does not start is told by its name, and stops nobody", () => {
  const virsh =
    'case $1 in start) echo "error: no such kernel" >&2; return 1;; domstate) echo "shut off";; esac';
  const text = Buffer.from("<domain/>").toString("base64");
  const ran = run(`domain_start ${NAME} 1-2 - raw`, virsh, `domain.xml ${text}`);
  expect(ran).toMatchObject({ status: 0, stderr: `${NAME}: error: no such kernel \n` });
  expect(readFileSync(join(own(), "domain.xml"), "utf8")).toBe("<domain/>");
});

test("one that runs already is as good as started, and nothing is said", () => {
  const virsh =
    'case $1 in start) echo "error: already active" >&2; return 1;; domstate) echo running;; esac';
  expect(run(`domain_start ${NAME} 1-2 - raw`, virsh, "domain.xml AA==").stderr).toBe("");
  expect(readdirSync(own())).toEqual(["domain.xml"]);
});
