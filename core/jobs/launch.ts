import { isoTime, listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import type { LaunchOrder } from "../ports/job-runner.ts";
import type { JobActivity } from "./activity.ts";
import { agentToken } from "./agent-tokens.ts";
import type { InFlight } from "./in-flight.ts";
import type { Job } from "./job.ts";
import { failJob } from "./job-endings.ts";
import { unsupported } from "./make-plan.ts";
import { type Due, heldSlots, takeTurns } from "./queue.ts";
import { GIB } from "./shortage.ts";
import { takeSlots } from "./slots.ts";

type Activity = Stored<"job-activity">;

export interface Launcher {
  /** Starts the jobs whose turn it is; what is answered resolves when all of them are started. */
  launchDue(): Promise<readonly Promise<void>[]>;
  /** For a launch that left no agent: into the queue again, or the end of the job after too many. */
  relaunchOrFail(activity: Activity, reason: string | undefined): Promise<void>;
}

/** A runner that does not answer for longer has failed. */
const LAUNCH_LIMIT_MS = 300_000;

export function createLauncher(ports: CorePorts, settings: Settings, inFlight: InFlight): Launcher {
  const { records, runner, clock, ids, signer, telemetry } = ports;

  /** The commit is the claim: of several processes one wins, and a crash right after it shows as a launch without agent. */
  async function claim({ activity, slots }: Due): Promise<number> {
    const { id, version } = activity;
    const attempt = activity.value.attempt + 1;
    const value: JobActivity = {
      ...activity.value,
      state: "launching",
      attempt,
      slots: [...(activity.value.slots ?? []), ...slots],
      since: isoTime(clock.now()),
    };
    const change = { op: "replace", kind: "job-activity", id, version, value } as const;
    await records.commit([change, ...takeSlots(id, slots)]);
    return attempt;
  }

  async function start(id: string, attempt: number, limits: Limited): Promise<void> {
    telemetry.emit({ event: "job-launched", level: "info", job: id, attempt, runner: runner.name });
    const order = { jobId: id, attempt, token: agentToken(signer, { jobId: id, attempt }), ...limits };
    await within(clock, LAUNCH_LIMIT_MS, "Starting the agent", runner.launch(order));
  }

  async function launch(due: Due): Promise<void> {
    const { id } = due.activity;
    const job = (await records.get("job", id))?.value;
    const refusal = job === undefined ? undefined : unsupported(job, settings);
    if (refusal !== undefined) await failJob(ports, settings, id, refusal);
    else await start(id, await claim(due), limitsOf(job, settings));
  }

  async function guarded(due: Due): Promise<void> {
    await launch(due).catch((error: unknown) => {
      if (isDomainError(error, "lost-race")) return;
      telemetry.emit({
        event: "launch-failed",
        level: "error",
        job: due.activity.id,
        reason: String(error),
      });
    });
  }

  return {
    async launchDue() {
      // Slots first: one that is freed in between is seen as held, never the other way round.
      const held = await heldSlots(ports);
      const activities = await listStored(records, "job-activity");
      const turns = takeTurns(activities, held, settings.jobs, runner.name, () => ids.random());
      return turns.due.flatMap((due) => inFlight.begin(due.activity.id, () => guarded(due)) ?? []);
    },
    async relaunchOrFail(activity, reason) {
      const { id, version } = activity;
      if (activity.value.attempt < settings.jobs.maxLaunches) {
        const value = { ...activity.value, state: "queued" as const, since: isoTime(clock.now()) };
        return await records.commit([{ op: "replace", kind: "job-activity", id, version, value }]);
      }
      await failJob(ports, settings, id, {
        code: "launch_failed",
        message: `The job's agent did not start in ${activity.value.attempt} attempts.${reason === undefined ? "" : ` ${reason}`}`,
        hint: "The service's log says why each launch failed; mend that and start the job again (POST /v3/jobs/{id}/retry).",
      });
    },
  };
}

type Limited = Pick<LaunchOrder, "limits">;

function limitsOf(job: Job | undefined, settings: Settings): Limited {
  if (job === undefined || !settings.jobs.limited) return {};
  return { limits: { memoryBytes: job.job_mem_size * GIB, diskBytes: job.build_env_size * GIB } };
}
