import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { listProcesses } from "../../adapters/process/process-table.ts";
import type { AgentPresence, JobRunner, LaunchOrder } from "../../core/ports/job-runner.ts";
import { IDLE, NOTHING, until } from "../support/local-runner.ts";
import type { RunnerBench } from "../support/local-runner.ts";

const order = (jobId: string, attempt = 1): LaunchOrder => ({ jobId, attempt, token: `secret-${attempt}` });

function absence(runner: JobRunner, jobId: string): Promise<AgentPresence> {
  return until(async () => {
    const presence = await runner.inspect(jobId);
    return presence.state === "absent" ? presence : undefined;
  });
}

/** What every runner promises, whatever it runs agents on. */
export function describeJobRunner(name: string, bench: (behaviour?: string) => Promise<RunnerBench>): void {
  describe(`the ${name} runner`, () => {
    it("starts an agent and hands it its token where nobody else can read it", async () => {
      const { runner, newJob, started } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      const [token] = await until(async () => {
        const tokens = await started(job);
        return tokens.length === 0 ? undefined : tokens;
      });
      expect(token).toBe('{"token":"secret-1"}');
      const own = (await listProcesses()).filter((view) => view.environment.includes(`IMS_JOB_ID=${job}`));
      expect(own).not.toEqual([]);
      for (const { pid, environment } of own) {
        expect(environment.join("\n")).not.toContain("secret-1");
        expect(await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).not.toContain("secret-1");
      }
    });

    it("tells whether an agent lives, also after a restart of the service", async () => {
      const { runner, again, newJob } = await bench();
      const job = newJob();
      expect(await runner.inspect(job)).toEqual({ state: "absent" });
      await runner.launch(order(job));
      expect(await runner.inspect(job)).toEqual({ state: "running" });
      expect(await again().inspect(job)).toEqual({ state: "running" });
      expect(await runner.inspect(newJob())).toEqual({ state: "absent" });
    });

    it("starts one agent however often it is asked to, at once and from several processes' places", async () => {
      const { runner, again, newJob, started } = await bench();
      const job = newJob();
      const runners = [runner, runner, again(), again(), runner];
      await Promise.all(runners.map((each) => each.launch(order(job))));
      await again().launch(order(job));
      await until(async () => (await started(job)).length > 0 || undefined);
      expect(await started(job)).toEqual(['{"token":"secret-1"}']);
    });

    it("replaces the agent of an earlier attempt", async () => {
      const { runner, newJob, started, remains } = await bench();
      const job = newJob();
      await runner.launch(order(job, 1));
      await until(async () => (await started(job)).length === 1 || undefined);
      const before = (await remains(job)).processes;
      await runner.launch(order(job, 2));
      await until(async () => (await started(job)).length === 2 || undefined);
      const after = (await remains(job)).processes;
      expect(after.filter((pid) => before.includes(pid))).toEqual([]);
      await runner.launch(order(job, 1));
      expect(await started(job)).toEqual(['{"token":"secret-1"}', '{"token":"secret-2"}']);
      expect(await runner.inspect(job)).toEqual({ state: "running" });
    });

    it("sees that an agent was killed, and starts another one then", async () => {
      const { runner, again, newJob, started, killAgent } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      await until(async () => (await started(job)).length === 1 || undefined);
      await killAgent(job);
      expect(await absence(again(), job)).toMatchObject({ state: "absent" });
      const reason = await until(async () => {
        const seen = await absence(runner, job);
        return seen.state === "absent" ? seen.reason : undefined;
      });
      expect(reason).toContain("killed");
      await runner.launch(order(job, 2));
      await until(async () => (await started(job)).length === 2 || undefined);
      expect(await runner.inspect(job)).toEqual({ state: "running" });
    });

    it("tells why an agent ended, as far as is known", async () => {
      const { runner, again, newJob } = await bench(
        "echo first >&2; echo 'the plan is unreadable' >&2; exit 3",
      );
      const job = newJob();
      await runner.launch(order(job));
      const known = await until(async () => {
        const seen = await absence(runner, job);
        return seen.state === "absent" && seen.reason?.includes("exit code") === true
          ? seen.reason
          : undefined;
      });
      expect(known).toBe("exit code 3: the plan is unreadable");
      expect(await again().inspect(job)).toEqual({ state: "absent", reason: "the plan is unreadable" });
    });

    it("stops an agent so that nothing is left, and does so again without complaint", async () => {
      const { runner, again, newJob, remains } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      await runner.stop(job);
      expect(await remains(job)).toEqual(NOTHING);
      expect(await runner.inspect(job)).toEqual({ state: "absent" });
      await again().stop(job);
      await runner.stop(newJob());
    });

    it("stops what the agent started, however it hid: another session, no parent, no environment", async () => {
      const { runner, again, newJob, started, remains } = await bench(`
        setsid sh -c '(sleep 300 &) ; exec sleep 300' &
        nohup sleep 300 >/dev/null 2>&1 &
        (setsid env -i sleep 300 &)
        touch ready; ${IDLE}`);
      const job = newJob();
      const other = newJob();
      await Promise.all([runner.launch(order(job)), runner.launch(order(other))]);
      await until(async () => (await started(job)).length + (await started(other)).length === 2 || undefined);
      await until(async () => (await remains(job)).processes.length >= 6 || undefined);
      const hidden = (await remains(job)).processes;
      await again().stop(job);
      expect(await remains(job)).toEqual(NOTHING);
      const alive = (await listProcesses()).map(({ pid }) => pid);
      expect(hidden.filter((pid) => alive.includes(pid))).toEqual([]);
      expect(await runner.inspect(other)).toEqual({ state: "running" });
    });

    it("can be stopped and started again at once, and ends in one of the two", async () => {
      const { runner, again, newJob, remains } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      await Promise.all([
        runner.stop(job),
        again().launch(order(job, 2)),
        again().stop(job),
        runner.stop(job),
      ]);
      const left = await remains(job);
      const { state } = await runner.inspect(job);
      expect(left).toEqual(state === "absent" ? NOTHING : { ...left, folder: true });
    });

    it("lists the jobs of which something is left", async () => {
      const { runner, again, newJob, started, killAgent } = await bench();
      const [killed, living, stopped] = [newJob(), newJob(), newJob()];
      expect(await runner.leftovers()).toEqual([]);
      for (const job of [killed, living, stopped]) await runner.launch(order(job));
      await until(async () => (await started(killed)).length === 1 || undefined);
      await killAgent(killed);
      await runner.stop(stopped);
      expect(await again().leftovers()).toEqual([killed, living].sort());
    });

    it("refuses an id that is no name of a job", async () => {
      const { runner } = await bench();
      for (const id of ["", "..", "a/b", ".claims", "a.b"])
        await expect(runner.stop(id)).rejects.toMatchObject({ code: "invalid" });
    });
  });
}
