import { mkdir, open, readdir, rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../../core/errors.ts";
import { asDomainError } from "../../process/errors.ts";
import { readProcess, thisProcess } from "../../process/process-table.ts";

const LIMIT_MILLISECONDS = 60_000;

interface Claim {
  readonly name: string;
  readonly pid: number;
  readonly started: string;
}

async function claimsOn(folder: string, jobId: string): Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  for (const name of await readdir(folder)) {
    const [job, pid, started] = name.split(".");
    if (job === jobId && pid !== undefined && started !== undefined) {
      claims.push({ name, pid: Number(pid), started });
    }
  }
  return claims;
}

/** Whether another living process, or another caller in this one, holds a claim. Those of dead ones are cleared. */
async function isTaken(folder: string, jobId: string, own: string): Promise<boolean> {
  let taken = false;
  for (const claim of await claimsOn(folder, jobId)) {
    if (claim.name === own) continue;
    const holder = await readProcess(claim.pid);
    if (holder?.started === claim.started) taken = true;
    else await rm(join(folder, claim.name), { force: true });
  }
  return taken;
}

async function take(folder: string, jobId: string): Promise<string> {
  const { pid, started } = await thisProcess();
  const deadline = performance.now() + LIMIT_MILLISECONDS;
  for (;;) {
    const name = `${jobId}.${pid}.${started}.${randomUUID()}`;
    const own = join(folder, name);
    await (await open(own, "wx", 0o600)).close();
    if (!(await isTaken(folder, jobId, name))) return own;
    await rm(own, { force: true });
    if (performance.now() > deadline) {
      throw new DomainError("unavailable", `Job ${jobId} is being started or stopped by another process.`);
    }
    await delay(20 + Math.random() * 80);
  }
}

/**
 * Does `work` while nobody else on this machine, in this process or another, does any for the same job. A claim is a
 * file named after its holder, made before it looks for others: of two at once, the later sees the earlier. A holder
 * that died holds nothing any more.
 */
export async function claimed<T>(folder: string, jobId: string, work: () => Promise<T>): Promise<T> {
  let own: string;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    own = await take(folder, jobId);
  } catch (error) {
    throw asDomainError(error, "The folder of running jobs cannot be used.");
  }
  try {
    return await work();
  } finally {
    await rm(own, { force: true });
  }
}
