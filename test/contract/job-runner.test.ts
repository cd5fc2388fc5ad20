import { readFile } from "node:fs/promises";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { createRunnerBench, type Isolation } from "../support/local-runner.ts";
import { jobWork } from "../support/job-work.ts";
import { describeJobRunner, type RunnerBench } from "./job-runner.suite.ts";

async function localBench(isolation: Isolation, behaviour?: string): Promise<RunnerBench> {
  const { again, killAgent, newJob, remains, runner, started } = await createRunnerBench(
    isolation,
    behaviour,
  );
  const seen = new Map<string, Set<number>>();
  return {
    runner,
    again,
    newJob,
    started,
    killAgent,
    order: (jobId, attempt = 1) => ({ jobId, attempt, token: `secret-${attempt}`, work: jobWork(jobId) }),
    async exposed(jobId) {
      const own = (await listProcesses()).filter((view) => view.environment.includes(`IMS_JOB_ID=${jobId}`));
      const argv = own.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""));
      return [...own.flatMap(({ environment }) => environment), ...(await Promise.all(argv))].join("\n");
    },
    // Those seen earlier count as long as they live, whether or not they can still be told to be the job's.
    async running(jobId) {
      const pids = seen.get(jobId) ?? new Set();
      for (const pid of (await remains(jobId)).processes) pids.add(pid);
      seen.set(jobId, pids);
      const alive = new Set((await listProcesses()).map(({ pid }) => pid));
      return [...pids].filter((pid) => alive.has(pid)).map(String);
    },
    hiding: 6,
    async remains(jobId) {
      const { folder, groups, mounts, processes } = await remains(jobId);
      return [...(folder ? ["work folder"] : []), ...groups, ...mounts, ...processes.map(String)];
    },
  };
}

describeJobRunner("local", (behaviour) => localBench("auto", behaviour));
describeJobRunner("local, not isolated,", (behaviour) => localBench("none", behaviour));
