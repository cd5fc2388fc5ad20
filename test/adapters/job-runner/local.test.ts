import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { listProcesses } from "../../../adapters/process/process-table.ts";
import { IDLE, NOTHING, createRunnerBench, until } from "../../support/local-runner.ts";
import type { Isolation } from "../../support/local-runner.ts";
import { jobWork } from "../../support/job-work.ts";

const isRoot = process.getuid?.() === 0;
const order = (jobId: string, attempt = 1) => ({
  jobId,
  attempt,
  token: `secret-${attempt}`,
  work: jobWork(jobId),
});

/** A process with a job's environment that no runner knows of. */
function stray(env: Record<string, string>): void {
  const child = spawn("sleep", ["300"], { env: { PATH: "/usr/bin:/bin", ...env }, detached: true });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
}

describe("the local runner's work folder", () => {
  it("is open to its owner alone", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await runner.launch(order(job));
    expect(((await stat(join(workRoot, job))).mode & 0o777).toString(8)).toBe("700");
  });

  it("never holds the token", async () => {
    const { runner, newJob, workRoot, started } = await createRunnerBench("auto");
    const job = newJob();
    await runner.launch(order(job));
    await until(async () => (await started(job)).length > 0 || undefined);
    const entries = await readdir(workRoot, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    expect(files).not.toEqual([]);
    for (const { name, parentPath } of files)
      expect(await readFile(join(parentPath, name), "utf8")).not.toContain("secret");
  });

  it("is new for each attempt", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, job, "image-root"), { recursive: true });
    await runner.launch(order(job));
    expect(await readdir(join(workRoot, job))).toEqual([]);
  });

  it("leaves no claims behind", async () => {
    const { runner, again, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await Promise.all([runner.launch(order(job)), again().launch(order(job))]);
    await runner.stop({ jobId: job });
    expect(await readdir(join(workRoot, ".claims"))).toEqual([]);
  });
});

describe.runIf(isRoot)("mounts of an agent", () => {
  const behaviour = `mkdir m 'n n'; mount -t tmpfs none m; mkdir m/deep; mount -t tmpfs none m/deep;
    mount -t tmpfs none 'n n'; (cd m/deep && exec setsid sleep 300) & echo mounted >m/deep/file; touch ready; ${IDLE}`;

  const mounted = async (isolation: Isolation) => {
    const bench = await createRunnerBench(isolation, behaviour);
    const job = bench.newJob();
    await bench.runner.launch(order(job));
    await until(async () => (await readdir(join(bench.workRoot, job))).includes("ready") || undefined);
    return { ...bench, job };
  };

  it("cannot be seen by anybody else and end with it where it has a namespace", async () => {
    const { runner, job, remains, killAgent } = await mounted("auto");
    expect((await remains(job)).mounts).toEqual([]);
    await killAgent(job);
    await until(async () => (await remains(job)).processes.length === 0 || undefined);
    await runner.stop({ jobId: job });
    expect(await remains(job)).toEqual(NOTHING);
  });

  it("are removed by stop where it has none", async () => {
    const { runner, job, remains } = await mounted("none");
    expect((await remains(job)).mounts).toHaveLength(3);
    await runner.stop({ jobId: job });
    expect(await remains(job)).toEqual(NOTHING);
  });
});

describe("a launch that a crash cut short", () => {
  it("is begun anew when only the folder was made", async () => {
    const { runner, newJob, workRoot, started } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, job), { recursive: true });
    await mkdir(join(workRoot, ".agents"), { recursive: true });
    await writeFile(join(workRoot, ".agents", `${job}.json.new`), '{"pi');
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent" });
    expect(await runner.leftovers()).toEqual([{ jobId: job }]);
    await runner.launch(order(job));
    await until(async () => (await started(job)).length > 0 || undefined);
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "running" });
  });

  it("finds the agent that was never noted, and replaces it, because it has no token", async () => {
    const { runner, newJob, workRoot, started, remains } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, job), { recursive: true });
    stray({ IMS_JOB_ID: job, IMS_WORK_FOLDER: join(workRoot, job), IMS_SERVICE_URL: "http://127.0.0.1:9" });
    await until(async () => ((await remains(job)).processes.length > 0 ? true : undefined));
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "running" });
    expect(await runner.leftovers()).toEqual([{ jobId: job }]);
    const before = (await remains(job)).processes;
    await runner.launch(order(job));
    await until(async () => (await started(job)).length > 0 || undefined);
    const after = (await remains(job)).processes;
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  });

  it("does not believe a note about a process that has its pid from a later start", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, job), { recursive: true });
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    const note = { agent: { pid: process.pid, started: "1" }, boot, attempt: 1 };
    await mkdir(join(workRoot, ".agents"), { recursive: true });
    await writeFile(join(workRoot, ".agents", `${job}.json`), JSON.stringify(note));
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent" });
  });

  it("is not held up by the claim of a process that is gone", async () => {
    const { runner, newJob, workRoot } = await createRunnerBench("auto");
    const job = newJob();
    await mkdir(join(workRoot, ".claims"), { recursive: true });
    await writeFile(join(workRoot, ".claims", `${job}.${process.pid}.1.stale`), "");
    await runner.launch(order(job));
    expect(await readdir(join(workRoot, ".claims"))).toEqual([]);
  });

  it("leaves one agent or none after any kill -9 of the service, and the next launch has exactly one", async () => {
    const { runner, newJob, workRoot, started, remains } = await createRunnerBench("auto");
    for (let pause = 0; pause < 120; pause += 15) {
      const job = newJob();
      const program = `
        const { createLocalRunner } = await import(${JSON.stringify(import.meta.resolve("../../../adapters/job-runner/local/runner.ts"))});
        const runner = createLocalRunner({
          workRoot: ${JSON.stringify(workRoot)}, serviceUrl: () => "http://127.0.0.1:9",
          agentCommand: ["sh", "-c", 'read -r token && exec sleep 300'], agentEnv: { PATH: process.env.PATH },
        });
        console.log("ready");
        await runner.launch({ jobId: ${JSON.stringify(job)}, attempt: 1, token: "first" });
        setInterval(() => {}, 1000);`;
      const service = spawn(process.execPath, ["--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
      await once(service.stdout, "data");
      await delay(pause);
      service.kill("SIGKILL");
      await once(service, "exit");
      await runner.launch(order(job, 2));
      await until(async () => (await started(job)).length > 0 || undefined);
      expect(await runner.inspect({ jobId: job })).toEqual({ state: "running" });
      const agents = (await listProcesses()).filter(
        ({ environment }) =>
          environment.includes(`IMS_JOB_ID=${job}`) &&
          environment.some((entry) => entry.startsWith("LEDGER=")),
      );
      const all = new Set((await remains(job)).processes);
      expect(all).toEqual(new Set(agents.map(({ pid }) => pid)));
      await runner.stop({ jobId: job });
      expect(await remains(job)).toEqual(NOTHING);
    }
  });
});

describe("what is none of the local runner's business", () => {
  it("is left alone: jobs of another service on the same machine", async () => {
    const { runner, newJob } = await createRunnerBench("auto");
    const other = await createRunnerBench("auto");
    const job = other.newJob();
    await other.runner.launch(order(job));
    expect(await runner.leftovers()).toEqual([]);
    expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent" });
    await runner.stop({ jobId: newJob() });
    expect(await other.runner.inspect({ jobId: job })).toEqual({ state: "running" });
  });

  it("does not reach agents: secrets in the service's own environment", async () => {
    process.env["IMS_TEST_SECRET"] = "of-the-service";
    onTestFinished(() => {
      delete process.env["IMS_TEST_SECRET"];
    });
    const { runner, newJob, workRoot } = await createRunnerBench("auto", "env >seen; touch done; sleep 300");
    const job = newJob();
    await runner.launch(order(job));
    await until(async () => (await readdir(join(workRoot, job))).includes("done") || undefined);
    const names = (await readFile(join(workRoot, job, "seen"), "utf8"))
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(new Set(names.filter((name) => name?.startsWith("IMS_")))).toEqual(
      new Set(["IMS_CONFINEMENT", "IMS_JOB_ID", "IMS_SERVICE_URL", "IMS_WORK_FOLDER"]),
    );
  });
});

describe("a machine on which the local runner cannot work", () => {
  it("says so when the agent's program is missing", async () => {
    const { createLocalRunner } = await import("../../../adapters/job-runner/local/runner.ts");
    const { workRoot, newJob } = await createRunnerBench("none");
    const runner = createLocalRunner({
      workRoot,
      serviceUrl: () => "http://127.0.0.1:9",
      agentCommand: ["/no/such/node", "main.ts"],
      agentEnv: { PATH: "/usr/bin:/bin" },
      isolation: "none",
    });
    const job = newJob();
    await expect(runner.launch(order(job))).rejects.toMatchObject({ code: "not-found" });
    await runner.stop({ jobId: job });
  });

  it("says so when the folder cannot be made", async () => {
    const { createLocalRunner } = await import("../../../adapters/job-runner/local/runner.ts");
    const runner = createLocalRunner({
      workRoot: "/dev/null/jobs",
      serviceUrl: () => "http://127.0.0.1:9",
      agentCommand: ["true"],
      agentEnv: {},
    });
    await expect(runner.leftovers()).rejects.toMatchObject({ code: "unavailable" });
  });
});
