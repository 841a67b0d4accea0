import type { TenantName } from "../api/names.ts";
import { systemClock } from "../clock/clock.ts";
import type { TenantResult } from "../controllers/controller.ts";
import { type PassResult, passOver } from "../controllers/pass.ts";
import { run } from "../engine/run.ts";
import { openSession, type SessionOptions } from "./session.ts";

export interface OnceOptions extends SessionOptions {
  readonly output: "text" | "json";
  readonly timeout: number;
  readonly detailedExitcode?: boolean;
}

/** `reconcile --once`: converges, looks whether it is so, and ends. */
export async function once(directory: string, options: OnceOptions): Promise<number> {
  const session = await openSession(directory, options, true);
  const { revision, world } = session;
  const abort = new AbortController();
  const results = new Map<TenantName, TenantResult>();
  let last: PassResult | undefined;
  try {
    const ending = await run<TenantName>({
      clock: systemClock,
      signal: abort.signal,
      continuous: false,
      deadline: systemClock.now() + options.timeout * 1000,
      pass: async (only) => {
        last = await passOver(world, {
          revision,
          clock: systemClock,
          dryRun: false,
          signal: abort.signal,
          stop: abort.signal,
          only,
          lookSeconds: 10,
          changeSeconds: 60,
          show: (tenant, entries) => {
            for (const { verb, kind, name, hypervisor, reason } of entries)
              process.stderr.write(`${tenant} ${verb} ${kind} ${name}@${hypervisor}: ${reason}\n`);
          },
        });
        for (const result of last.tenants) results.set(result.tenant, result);
        for (const { failures, tenant, notes, state } of last.tenants) {
          for (const f of failures)
            process.stderr.write(`${tenant} FAILED ${f.hypervisor} ${f.name ?? ""} ${f.message}\n`);
          process.stderr.write(
            `${tenant} ${state} ${notes.map((n) => `${n.reason} ${n.object} ${n.message}`).join("; ")}\n`,
          );
        }
        return last.tenants.map(({ tenant, state, again, failures }) => ({
          key: tenant,
          state: state === "converged" ? "done" : state,
          again,
          failure: failures.map(({ hypervisor, message }) => `${hypervisor}: ${message}`).join("\n"),
        }));
      },
    });
    process.stderr.write(`${ending} ${JSON.stringify(world.count)}\n`);
    return ending === "done" ? 0 : 3;
  } finally {
    await session.close();
  }
}
