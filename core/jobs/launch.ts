import { isoTime } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { Ports } from "../ports/index.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import type { JobActivity } from "./activity.ts";
import { agentToken } from "./agent-tokens.ts";
import { failJob } from "./job-endings.ts";
import { unsupported } from "./make-plan.ts";

type Activity = Stored<"job-activity">;

export interface Launcher {
  /** Starts queued jobs in order, as many as there is room for. */
  launchDue(activities: readonly Activity[]): Promise<void>;
  /** For a launch that left no agent: into the queue again, or the end of the job after too many. */
  relaunchOrFail(activity: Activity, reason: string | undefined): Promise<void>;
  /** Whether this process is starting the job's agent right now. */
  isLaunching(jobId: string): boolean;
}

export function createLauncher(ports: Ports, settings: Settings): Launcher {
  const { records, runner, clock, signer, telemetry } = ports;
  const launching = new Set<string>();

  async function replace(activity: Activity, value: JobActivity): Promise<void> {
    const { id, version } = activity;
    await records.commit([{ op: "replace", kind: "job-activity", id, version, value }]);
  }

  /** The commit is the claim: of several processes one wins, and a crash right after it shows as a launch without agent. */
  async function launch(activity: Activity): Promise<void> {
    const { id } = activity;
    const job = (await records.get("job", id))?.value;
    const refusal = job === undefined ? undefined : unsupported(job, settings);
    if (refusal !== undefined) return await failJob(ports, settings, id, refusal);
    const attempt = activity.value.attempt + 1;
    launching.add(id);
    try {
      await replace(activity, {
        ...activity.value,
        state: "launching",
        attempt,
        since: isoTime(clock.now()),
      });
      telemetry.emit({ event: "job-launched", level: "info", job: id, attempt, runner: runner.name });
      await runner.launch({ jobId: id, attempt, token: agentToken(signer, { jobId: id, attempt }) });
    } finally {
      launching.delete(id);
    }
  }

  return {
    isLaunching: (jobId) => launching.has(jobId),
    async launchDue(activities) {
      const busy = activities.filter(({ value }) => value.state !== "queued").length;
      const due = activities.filter(({ value }) => value.state === "queued");
      for (const activity of due.slice(0, Math.max(0, settings.jobs.maxRunning - busy)))
        await launch(activity).catch((error: unknown) => {
          if (isDomainError(error, "lost-race")) return;
          telemetry.emit({ event: "launch-failed", level: "error", job: activity.id, reason: String(error) });
        });
    },
    async relaunchOrFail(activity, reason) {
      if (activity.value.attempt < settings.jobs.maxLaunches)
        return await replace(activity, { ...activity.value, state: "queued", since: isoTime(clock.now()) });
      await failJob(ports, settings, activity.id, {
        code: "launch_failed",
        message: `The job's agent did not start in ${activity.value.attempt} attempts.${reason === undefined ? "" : ` ${reason}`}`,
        hint: "The service's log says why each launch failed; mend that and post the job again.",
      });
    },
  };
}
