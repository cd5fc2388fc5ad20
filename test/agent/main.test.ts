import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { planOf } from "../support/agent-bench.ts";
import { createAgentProcess } from "../support/agent-process.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { NOTHING, until } from "../support/local-runner.ts";
import { scratchFolder } from "../support/archives.ts";
import { startStubService, TOKEN } from "../support/stub-service.ts";

const MAIN = join(import.meta.dirname, "../../functions/agent/main.ts");

/** Where nothing was stopped from outside, the agent has to have cleaned up by itself. */
async function cleanedUp({ remains }: AgentProcess): Promise<true> {
  return until(async () => {
    const { processes, mounts, folder } = await remains();
    return processes.length === 0 && mounts.length === 0 && !folder ? true : undefined;
  });
}

const BUSY = `setsid sleep 300 & mkdir -p "$PWD/deep/er"; echo building; exec sleep 300`;

const building = ({ service }: AgentProcess) =>
  until(() => service.log().includes("building\n") || undefined);

describe.each(["auto", "none"] as const)("the agent's program, isolation %s", (isolation) => {
  it("carries out its plan, tells why it failed, leaves nothing behind and ends", async () => {
    const agent = await createAgentProcess("env; echo 'no such package'; (setsid sleep 300 &); exit 5", {
      isolation,
    });
    await agent.launch();
    const failure = await until(() => agent.service.failed());
    expect(failure).toMatchObject({ code: "build_failed", exit_code: 5 });
    expect(await cleanedUp(agent)).toBe(true);
    expect((await agent.runner.inspect(agent)).state).toBe("absent");
    const statuses = new Set(agent.service.reports.map(({ status }) => status));
    expect([...statuses]).toEqual(["fetching_recipe", "building_image"]);
    expect(agent.service.log()).toContain("no such package\n");
  });

  it("tells its programs nothing of the service", async () => {
    const agent = await createAgentProcess(
      "env; cat /proc/$PPID/environ /proc/$PPID/cmdline | tr '\\\\0' '\\\\n'; exit 5",
      {
        isolation,
      },
    );
    await agent.launch();
    await until(() => agent.service.failed());
    expect(agent.service.log()).toContain(`IMS_JOB_ID=${agent.jobId}\n`);
    expect(agent.service.log()).not.toContain("[redacted]");
    expect(agent.service.log()).not.toContain(TOKEN);
  });

  it("destroys its work when the job is deleted", async () => {
    const agent = await createAgentProcess(BUSY, { isolation });
    await agent.launch();
    await building(agent);
    agent.service.intercept(() => 410);
    expect(await cleanedUp(agent)).toBe(true);
    expect(await agent.runner.inspect(agent)).toEqual({
      state: "absent",
      reason: "exit code 0: The service no longer needs this agent.",
    });
  });

  it("destroys its work when the service is away for longer than its patience", async () => {
    const agent = await createAgentProcess(BUSY, { isolation, env: { IMS_AGENT_PATIENCE: "1" } });
    await agent.launch();
    await building(agent);
    await agent.service.stop();
    expect(await cleanedUp(agent)).toBe(true);
    expect(await agent.runner.inspect(agent)).toEqual({
      state: "absent",
      reason: "exit code 1: The service did not answer for 1 seconds.",
    });
  });

  it("destroys its work when it is asked to end", async () => {
    const agent = await createAgentProcess(BUSY, { isolation });
    await agent.launch();
    await building(agent);
    for (const view of await listProcesses()) {
      const isOurs = view.environment.includes(`IMS_JOB_ID=${agent.jobId}`);
      if (
        isOurs &&
        (await readFile(`/proc/${view.pid}/comm`, "utf8").catch(() => "unshare")).trim() !== "unshare"
      )
        if (view.environment.some((entry) => entry.startsWith("IMS_SERVICE_URL=")))
          process.kill(view.pid, "SIGTERM");
    }
    expect(await cleanedUp(agent)).toBe(true);
    expect(agent.service.failed()).toBeUndefined();
  });
});

describe("the agent's program", () => {
  it("keeps its work folder when told to, but nothing that runs", async () => {
    const agent = await createAgentProcess("(setsid sleep 300 &); exit 5", { env: { IMS_KEEP_WORK: "1" } });
    await agent.launch();
    await until(async () => ((await agent.runner.inspect(agent)).state === "absent" ? true : undefined));
    await until(async () => ((await agent.remains()).processes.length === 0 ? true : undefined));
    expect(await readdir(agent.workFolder)).toContain("recipe.tar.gz");
    await agent.runner.stop(agent);
    expect(await agent.remains()).toEqual(NOTHING);
  });

  it("works on while the service restarts", async () => {
    const agent = await createAgentProcess(
      `echo building; while ! [ -e "$OLDPWD/../go" ] && [ $((i=i+1)) -lt 30 ]; do echo "line $i"; sleep 0.1; done; exit 5`,
    );
    await agent.launch();
    await building(agent);
    await agent.service.stop();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await agent.service.start();
    await until(() => agent.service.failed());
    const lines = agent.service.log().match(/line \d+/gu);
    expect(lines).toEqual(Array.from({ length: 29 }, (_, index) => `line ${index + 1}`));
  });

  const start = async (args: readonly string[], env: Record<string, string>, input = "") => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
    });
    child.stdin.end(input);
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { code: child.exitCode, out, err };
  };

  const inContainer = async (token: string) => {
    const folder = await scratchFolder();
    const service = await startStubService(planOf([]));
    onTestFinished(() => service.stop());
    const terminationLog = join(folder, "termination-log");
    await writeFile(terminationLog, "of somebody else ".repeat(100));
    await writeFile(join(folder, "token"), token, { mode: 0o400 });
    const jobId = randomUUID();
    const env = {
      IMS_JOB_ID: jobId,
      IMS_SERVICE_URL: service.url,
      IMS_WORK_FOLDER: join(folder, jobId),
      IMS_TOKEN_FILE: join(folder, "token"),
      IMS_TERMINATION_LOG: terminationLog,
    };
    return { service, env, lastWords: () => readFile(terminationLog, "utf8") };
  };

  it("takes its token from a file, and leaves its last words in another one, as containers have them", async () => {
    const { service, env, lastWords } = await inContainer(`{"token":"${TOKEN}"}`);
    // the plan is that of another job
    const { code, err } = await start([], env);
    expect([code, service.failed()?.code]).toEqual([0, "internal"]);
    expect(err).toMatch(/^internal: /u);
    expect(await lastWords()).toBe(err.trimEnd());
  });

  it("leaves the reason for its end in place of a job that nobody told it of", async () => {
    const { service, env, lastWords } = await inContainer("nonsense");
    const { code } = await start([], env);
    expect([code, service.asked]).toEqual([2, []]);
    expect(await lastWords()).toBe(
      `The agent cannot start: ${env.IMS_TOKEN_FILE} brought no {"token": "..."}.`,
    );
    await start([], { ...env, IMS_TOKEN_FILE: "/nowhere/token" });
    expect(await lastWords()).toContain("/nowhere/token cannot be read");
  });

  it("does without a place for last words", async () => {
    const { env } = await inContainer("nonsense");
    const at = async (IMS_TERMINATION_LOG: string) => {
      const { code, err } = await start([], { ...env, IMS_TERMINATION_LOG });
      expect(code).toBe(2);
      return err;
    };
    expect(await at("/nowhere/log")).not.toContain("log");
    expect(await at("/")).toContain("The last words could not be left in /");
  });

  it("explains itself", async () => {
    const { code, out } = await start(["--help"], {});
    expect(code).toBe(0);
    expect(out).toContain("IMS_WORK_FOLDER");
  });

  it("says what is wrong with the way it was started", async () => {
    expect(await start([], {})).toMatchObject({ code: 2, out: "" });
    expect((await start([], {})).err).toMatch(/^The agent cannot start: IMS_JOB_ID .*IMS_SERVICE_URL/u);
    expect(await start(["--nonsense"], {})).toMatchObject({ code: 2 });
    const env = {
      IMS_JOB_ID: "a-job",
      IMS_SERVICE_URL: "http://127.0.0.1:1",
      IMS_WORK_FOLDER: "/nowhere/a-job",
    };
    expect(await start([], env, '{"token":')).toEqual({
      code: 2,
      out: "",
      err: 'The agent cannot start: its standard input brought no {"token": "..."}.\n',
    });
  });
});
