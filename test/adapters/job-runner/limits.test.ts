import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findJobGroups } from "../../../adapters/cgroups/job-groups.ts";
import { listProcesses } from "../../../adapters/process/process-table.ts";
import type { AgentPresence } from "../../../core/ports/job-runner.ts";
import { createAgentProcess } from "../../support/agent-process.ts";
import { IDLE, NOTHING, createRunnerBench, until } from "../../support/local-runner.ts";
import { jobWork } from "../../support/job-work.ts";

/** Takes half a gigabyte of memory at once. */
const EAT = "dd if=/dev/zero of=/dev/null bs=500M count=1";
const MIB = 2 ** 20;
const limits = { memoryBytes: 256 * MIB, diskBytes: 1024 * MIB };
/** Not everywhere: who is not root may not limit anybody, and some containers let nobody. */
const canLimitMemory = (await findJobGroups()).lacks.length === 0;

/** Looks until the agent is seen to be gone. */
function absence(inspect: () => Promise<AgentPresence>) {
  return until(async () => {
    const presence = await inspect();
    return presence.state === "absent" ? presence : undefined;
  });
}

describe.runIf(canLimitMemory)("the memory that a job asked for", () => {
  it("is all that its programs get: who takes more is killed, and the job says so with numbers", async () => {
    const agent = await createAgentProcess(`${EAT}; exit $?`, { limits });
    await agent.launch();
    const failure = await until(() => agent.service.failed());
    expect(failure).toMatchObject({ code: "oom_killed", exit_code: 137 });
    expect(failure.message).toMatch(
      /^Memory ran out, and the kernel killed a program of the job\. kiwi ended/u,
    );
    expect(failure.hint).toBe(
      "The job asked for 256 MiB (job_mem_size) and used 256 MiB at its peak: post it again with job_mem_size 1.",
    );
  });

  it("is told also when it was only a program of the build tool that was killed", async () => {
    const agent = await createAgentProcess(`${EAT} || echo went on; exit 3`, { limits });
    await agent.launch();
    const failure = await until(() => agent.service.failed());
    expect(failure).toMatchObject({ code: "oom_killed", exit_code: 3 });
    expect(agent.service.log()).toContain("went on\n");
  });

  it("is the reason that the runner tells when the agent itself did not survive", async () => {
    const { runner, again, newJob } = await createRunnerBench(
      "auto",
      `for f in $(echo $IMS_CONFINEMENT | grep -o '/sys/fs/cgroup[^"]*ims-job[^"]*'); do echo 0 >$f/cgroup.procs; done; exec ${EAT}`,
    );
    const jobId = newJob();
    await runner.launch({
      jobId,
      attempt: 1,
      token: "t",
      work: jobWork(jobId),
      limits: { ...limits, memoryBytes: 32 * MIB },
    });
    const told = { cause: "oom-killed", memory: { limitBytes: 32 * MIB, peakBytes: 32 * MIB } };
    expect(await absence(() => runner.inspect({ jobId }))).toMatchObject(told);
    expect(await again().inspect({ jobId })).toMatchObject(told);
  });
});

describe("the disk that a job asked for", () => {
  const fill = "head -c 60000000 /dev/zero >big; echo filled; sleep 300";

  it("is all that it gets: the build is ended, and the job says how much it used", async () => {
    const agent = await createAgentProcess(fill, { limits: { ...limits, diskBytes: 20 * MIB } });
    await agent.launch();
    const failure = await until(() => agent.service.failed());
    expect(failure.code).toBe("disk_full");
    expect(failure.message).toMatch(/^The job used more of the disk than it may\. .* holds \d+ MiB/u);
  });

  it("is no limit where limits are switched off", async () => {
    const agent = await createAgentProcess(`${fill.replace("sleep 300", "sleep 3")}; exit 5`);
    await agent.launch();
    expect((await until(() => agent.service.failed())).code).toBe("build_failed");
  });
});

describe("why there is no agent", () => {
  it("is the restart of the machine when it was started before that", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, job), { recursive: true });
    await mkdir(join(workRoot, ".agents"));
    const agent = { pid: process.pid, started: "1" };
    const note = { agent, boot: "of-yesterday", attempt: 1, groups: [] };
    await writeFile(join(workRoot, ".agents", `${job}.json`), JSON.stringify(note));
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent", cause: "machine-restarted" });
  });

  it.each(["auto", "none"] as const)(
    "is the work folder when somebody removed it, although the agent still runs; stop ends it (isolation %s)",
    async (isolation) => {
      const { runner, again, newJob, workRoot, remains, started } = await createRunnerBench(isolation);
      const job = newJob();
      await runner.launch({ jobId: job, attempt: 1, token: "t", work: jobWork(job) });
      await until(async () => (await started(job)).length > 0 || undefined);
      await rm(join(workRoot, job), { recursive: true });
      expect(await again().inspect({ jobId: job })).toEqual({ state: "absent", cause: "work-folder-gone" });
      const before = (await remains(job)).processes;
      expect(before).not.toEqual([]);
      await runner.stop({ jobId: job });
      expect(await remains(job)).toEqual(NOTHING);
      const alive = (await listProcesses()).map(({ pid }) => pid);
      expect(before.filter((pid) => alive.includes(pid))).toEqual([]);
    },
  );

  it.each(["SIGKILL", "SIGSEGV", "SIGABRT"])("is %s when that killed it", async (signal) => {
    const { runner, newJob } = await createRunnerBench("none", `kill -${signal.slice(3)} $$; ${IDLE}`);
    const job = newJob();
    await runner.launch({ jobId: job, attempt: 1, token: "t", work: jobWork(job) });
    const told = await until(async () => {
      const { reason } = await absence(() => runner.inspect({ jobId: job }));
      return reason;
    });
    expect(told).toBe(`killed by ${signal}`);
  });

  it("is what it said last, although its folder is gone with it", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench(
      "none",
      'echo "last words" >&2; rm -rf "$IMS_WORK_FOLDER"; exit 4',
    );
    const job = newJob();
    await runner.launch({ jobId: job, attempt: 1, token: "t", work: jobWork(job) });
    expect(await readFile(join(workRoot, ".agents", `${job}.json`), "utf8")).toContain('"attempt":1');
    const told = await until(async () => (await absence(() => runner.inspect({ jobId: job }))).reason);
    expect(told).toContain("last words");
  });
});
