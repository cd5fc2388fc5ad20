import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { findJobGroups } from "../../adapters/cgroups/job-groups.ts";
import { createLocalRunner } from "../../adapters/job-runner/local/runner.ts";
import { isMissing } from "../../adapters/process/errors.ts";
import { findJobProcesses } from "../../adapters/process/job-processes.ts";
import { mountsInside } from "../../adapters/process/mounts.ts";
import { listProcesses } from "../../adapters/process/process-table.ts";
import type { JobRunner } from "../../core/ports/job-runner.ts";

export interface Remains {
  readonly processes: readonly number[];
  readonly mounts: readonly string[];
  /** Control groups. */
  readonly groups: readonly string[];
  readonly folder: boolean;
}

export const NOTHING: Remains = { processes: [], mounts: [], groups: [], folder: false };

/** What is left of a job. */
export async function remainsOf(workRoot: string, jobId: string): Promise<Remains> {
  const groups = (await findJobGroups()).foldersOf(`ims-job-${jobId}`);
  return {
    processes: (await findJobProcesses(jobId, join(workRoot, jobId))).map(({ pid }) => pid),
    mounts: await mountsInside(join(workRoot, jobId)),
    groups: groups.filter((folder) => existsSync(folder)),
    folder: (await readdir(workRoot)).includes(jobId),
  };
}

/** A runner in a new folder, with a stand-in for the agent, and eyes that see what it does. */
export interface RunnerBench {
  readonly runner: JobRunner;
  readonly workRoot: string;
  /** Another instance over the same folder, as after a restart of the service. */
  readonly again: () => JobRunner;
  readonly newJob: () => string;
  /** The tokens of the agents that were started for a job, in this order. */
  readonly started: (jobId: string) => Promise<readonly string[]>;
  readonly remains: (jobId: string) => Promise<Remains>;
  /** Kills the agent itself as the kernel's out-of-memory killer would. */
  readonly killAgent: (jobId: string) => Promise<void>;
}

export type Isolation = "auto" | "none";

export const IDLE = "while :; do sleep 5; done";

/** Looks again and again until there is something to see; the test's own limit ends it. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await delay(30);
  }
}

export async function createRunnerBench(isolation: Isolation, behaviour = IDLE): Promise<RunnerBench> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "runner-")));
  const workRoot = join(base, "jobs");
  const ledger = join(base, "ledger");
  const jobs: string[] = [];
  const again = (): JobRunner =>
    createLocalRunner({
      workRoot,
      serviceUrl: () => "http://127.0.0.1:9",
      agentCommand: ["sh", join(import.meta.dirname, "stand-in-agent.sh")],
      agentEnv: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LEDGER: ledger, BEHAVIOUR: behaviour },
      isolation,
    });
  const runner = again();

  onTestFinished(async () => {
    for (const job of jobs) await runner.stop({ jobId: job });
    await rm(base, { recursive: true, force: true });
  });

  return {
    runner,
    workRoot,
    again,
    newJob: () => {
      const job = randomUUID();
      jobs.push(job);
      return job;
    },
    started: async (jobId) => {
      const lines = (await readFile(ledger, "utf8").catch(() => "")).split("\n");
      return lines.filter((line) => line.startsWith(jobId)).map((line) => line.slice(jobId.length + 1));
    },
    remains: (jobId) => remainsOf(workRoot, jobId),
    killAgent: async (jobId) => {
      for (const view of await listProcesses()) {
        const agent = view.environment.some((entry) => entry.startsWith("IMS_SERVICE_URL="));
        if (agent && view.environment.includes(`IMS_JOB_ID=${jobId}`) && !(await isUnshare(view.pid)))
          killHard(view.pid);
      }
    },
  };
}

/** The first kill may have taken others along. */
function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function isUnshare(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() === "unshare";
}
