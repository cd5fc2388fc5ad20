import { describe, expect, it } from "vitest";
import type { AgentPresence, JobRunner, LaunchOrder } from "../../core/ports/job-runner.ts";
import { IDLE, until } from "../support/local-runner.ts";

/** A runner with a stand-in for the agent, and eyes that see what it does. */
export interface RunnerBench {
  readonly runner: JobRunner;
  /** Another instance over the same place, as after a restart of the service. */
  readonly again: () => JobRunner;
  readonly newJob: () => string;
  readonly order: (jobId: string, attempt?: number) => LaunchOrder;
  /** What the agents that were started for a job read as their tokens, in this order. */
  readonly started: (jobId: string) => Promise<readonly string[]>;
  /** All that others than the agent may read of a job: environments, arguments, manifests. */
  readonly exposed: (jobId: string) => Promise<string>;
  /** Names of what runs for a job. */
  readonly running: (jobId: string) => Promise<readonly string[]>;
  /** How many of those there are when an agent started five programs that hide. */
  readonly hiding: number;
  /** Names of all that is left of a job. */
  readonly remains: (jobId: string) => Promise<readonly string[]>;
  /** Kills the agent itself as the kernel's out-of-memory killer would. */
  readonly killAgent: (jobId: string) => Promise<void>;
}

function absence(runner: JobRunner, jobId: string): Promise<Extract<AgentPresence, { state: "absent" }>> {
  return until(async () => {
    const presence = await runner.inspect({ jobId });
    return presence.state === "absent" ? presence : undefined;
  });
}

/** On its way, or there. */
const lives = async (runner: JobRunner, jobId: string) =>
  ["starting", "running"].includes((await runner.inspect({ jobId })).state);

/** What every runner promises, whatever it runs agents on. */
export function describeJobRunner(name: string, bench: (behaviour?: string) => Promise<RunnerBench>): void {
  describe(`the ${name} runner`, () => {
    const startedTimes = ({ started }: RunnerBench, job: string, times: number) =>
      until(async () => ((await started(job)).length === times ? true : undefined));

    it("starts an agent and hands it its token where nobody else can read it", async () => {
      const { exposed, newJob, order, runner, started } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      const [token] = await until(async () => {
        const tokens = await started(job);
        return tokens.length === 0 ? undefined : tokens;
      });
      expect(token).toBe('{"token":"secret-1"}');
      const text = await exposed(job);
      expect(text).toContain(job);
      expect(text).not.toContain("secret-1");
    });

    it("tells whether an agent lives, also after a restart of the service", async () => {
      const { again, newJob, order, runner } = await bench();
      const job = newJob();
      expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent" });
      await runner.launch(order(job));
      expect(await lives(runner, job)).toBe(true);
      expect(await lives(again(), job)).toBe(true);
      for (const each of [runner, again()])
        await until(async () =>
          (await each.inspect({ jobId: job })).state === "running" ? true : undefined,
        );
      expect(await runner.inspect({ jobId: newJob() })).toEqual({ state: "absent" });
    });

    it("starts one agent however often it is asked to, at once and from several processes' places", async () => {
      const { again, newJob, order, runner, started } = await bench();
      const job = newJob();
      const runners = [runner, runner, again(), again(), runner];
      await Promise.all(runners.map((each) => each.launch(order(job))));
      await again().launch(order(job));
      await until(async () => (await started(job)).length > 0 || undefined);
      expect(await started(job)).toEqual(['{"token":"secret-1"}']);
    });

    it("replaces the agent of an earlier attempt", async () => {
      const place = await bench();
      const { newJob, order, runner, running, started } = place;
      const job = newJob();
      await runner.launch(order(job, 1));
      await startedTimes(place, job, 1);
      const before = await running(job);
      await runner.launch(order(job, 2));
      await startedTimes(place, job, 2);
      expect((await running(job)).filter((each) => before.includes(each))).toEqual([]);
      await runner.launch(order(job, 1));
      expect(await started(job)).toEqual(['{"token":"secret-1"}', '{"token":"secret-2"}']);
      expect(await runner.inspect({ jobId: job })).toEqual({ state: "running" });
    });

    it("sees that an agent was killed, and starts another one then", async () => {
      const place = await bench();
      const { again, killAgent, newJob, order, runner } = place;
      const job = newJob();
      await runner.launch(order(job));
      await startedTimes(place, job, 1);
      await killAgent(job);
      expect(await absence(again(), job)).toMatchObject({ state: "absent" });
      const reason = await until(async () => (await absence(runner, job)).reason);
      expect(reason).toContain("killed");
      await runner.launch(order(job, 2));
      await startedTimes(place, job, 2);
      expect(await lives(runner, job)).toBe(true);
    });

    it("tells why an agent ended, as far as is known", async () => {
      const { again, newJob, order, runner } = await bench(
        "echo first >&2; echo 'the plan is unreadable' >&2; exit 3",
      );
      const job = newJob();
      await runner.launch(order(job));
      const known = await until(async () => {
        const { reason } = await absence(runner, job);
        return reason?.includes("exit code") === true ? reason : undefined;
      });
      expect(known).toBe("exit code 3: the plan is unreadable");
      expect((await absence(again(), job)).reason).toMatch(/^(?:exit code 3: )?the plan is unreadable$/u);
    });

    it("stops an agent so that nothing is left, and does so again without complaint", async () => {
      const { again, newJob, order, remains, runner } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      expect(await remains(job)).not.toEqual([]);
      await runner.stop({ jobId: job });
      expect(await remains(job)).toEqual([]);
      expect(await runner.inspect({ jobId: job })).toEqual({ state: "absent" });
      await again().stop({ jobId: job });
      await runner.stop({ jobId: newJob() });
    });

    it("stops what the agent started, however it hid: another session, no parent, no environment", async () => {
      const place = await bench(`
        setsid sh -c '(sleep 300 &) ; exec sleep 300' &
        nohup sleep 300 >/dev/null 2>&1 &
        (setsid env -i sleep 300 &)
        touch ready; ${IDLE}`);
      const { again, hiding, newJob, order, remains, runner, running } = place;
      const job = newJob();
      const other = newJob();
      await Promise.all([runner.launch(order(job)), runner.launch(order(other))]);
      await startedTimes(place, job, 1);
      await startedTimes(place, other, 1);
      await until(async () => (await running(job)).length >= hiding || undefined);
      await again().stop({ jobId: job });
      expect(await remains(job)).toEqual([]);
      expect(await running(job)).toEqual([]);
      expect(await runner.inspect({ jobId: other })).toEqual({ state: "running" });
    });

    it("can be stopped and started again at once, and ends in one of the two", async () => {
      const { again, newJob, order, remains, runner } = await bench();
      const job = newJob();
      await runner.launch(order(job));
      const ref = { jobId: job };
      await Promise.all([
        runner.stop(ref),
        again().launch(order(job, 2)),
        again().stop(ref),
        runner.stop(ref),
      ]);
      const { state } = await runner.inspect(ref);
      expect((await remains(job)).length > 0).toBe(state !== "absent");
    });

    it("lists the jobs of which something is left", async () => {
      const place = await bench();
      const { again, killAgent, newJob, order, runner } = place;
      const [killed, living, stopped] = [newJob(), newJob(), newJob()];
      expect(await runner.leftovers()).toEqual([]);
      for (const job of [killed, living, stopped]) await runner.launch(order(job));
      await startedTimes(place, killed, 1);
      await killAgent(killed);
      await runner.stop({ jobId: stopped });
      const left = (await again().leftovers()).map(({ jobId }) => jobId);
      expect([...left].sort()).toEqual([killed, living].sort());
    });

    it("refuses an id that is no name of a job", async () => {
      const { runner } = await bench();
      for (const jobId of ["", "..", "a/b", ".claims", "a.b"])
        await expect(runner.stop({ jobId })).rejects.toMatchObject({ code: "invalid" });
    });
  });
}
