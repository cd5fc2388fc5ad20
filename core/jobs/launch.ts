import { isoTime, listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Change, Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import type { JobRunner, LaunchOrder } from "../ports/job-runner.ts";
import type { JobActivity } from "./activity.ts";
import { agentToken } from "./agent-tokens.ts";
import type { InFlight } from "./in-flight.ts";
import type { Job } from "./job.ts";
import { failJob } from "./job-endings.ts";
import { unsupported } from "./make-plan.ts";
import { type Due, offerOf, otherPlace, takeTurns } from "./queue.ts";
import { sizesOf, workOf } from "./job-work.ts";
import { placedAt, refOf, runnerOf } from "./runners.ts";
import { freeSlotChanges, takeSlots } from "./slots.ts";

type Activity = Stored<"job-activity">;

export interface Launcher {
  /** Starts the jobs whose turn it is; what is answered resolves when all of them are started. */
  launchDue(): Promise<readonly Promise<void>[]>;
  /** For a launch that left no agent: into the queue again, or the end of the job after too many. */
  relaunchOrFail(activity: Activity, reason: string | undefined): Promise<void>;
  /**
   * For a launch of which its node says nothing: into the queue again if another node is fit. `false`: none is. Should
   * the agent be heard after all, it is of an earlier attempt by then, and ends.
   */
  relaunchElsewhere(activity: Activity): Promise<boolean>;
}

/** A runner that does not answer for longer has failed. */
const LAUNCH_LIMIT_MS = 300_000;

export function createLauncher(ports: CorePorts, settings: Settings, inFlight: InFlight): Launcher {
  const { records, runners, clock, signer, telemetry } = ports;

  async function start(runner: JobRunner, activity: JobActivity, job: Job): Promise<void> {
    const { id, attempt, node } = activity;
    telemetry.emit({ event: "job-launched", level: "info", job: id, attempt, runner: runner.name, node });
    const token = agentToken(signer, { jobId: id, attempt });
    const order = { ...refOf(activity), attempt, token, ...limitsOf(job, settings), work: workOf(job) };
    await within(clock, LAUNCH_LIMIT_MS, "Starting the agent", runner.launch(order));
  }

  async function launch(due: Due): Promise<void> {
    const { id } = due.activity;
    const runner = runnerOf(runners, { ...due.activity.value, ...due.taking?.place });
    const job = await records.get("job", id);
    if (job === undefined || runner === undefined) return;
    const refusal = runner.name === "local" ? unsupported(job.value, settings) : undefined;
    if (refusal !== undefined) await failJob(ports, settings, id, refusal);
    else await start(runner, await claim(ports, due, job), job.value);
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

  const mayRelaunch = ({ value }: Activity): boolean => value.attempt < settings.jobs.maxLaunches;

  async function requeue({ id, version, value }: Activity): Promise<void> {
    const queued = { ...value, state: "queued" as const, since: isoTime(clock.now()) };
    await records.commit([{ op: "replace", kind: "job-activity", id, version, value: queued }]);
  }

  return {
    async launchDue() {
      // Slots first: one that is freed in between is seen as held, never the other way round.
      const offer = await offerOf(ports, settings.jobs);
      const turns = takeTurns(await listStored(records, "job-activity"), offer);
      return turns.due.flatMap((due) => inFlight.begin(due.activity.id, () => guarded(due)) ?? []);
    },
    async relaunchOrFail(activity, reason) {
      if (mayRelaunch(activity)) return await requeue(activity);
      await failJob(ports, settings, activity.id, {
        code: "launch_failed",
        message: `The job's agent did not start in ${activity.value.attempt} attempts.${reason === undefined ? "" : ` ${reason}`}`,
        hint: "The service's log says why each launch failed; mend that and start the job again (POST /v3/jobs/{id}/retry).",
      });
    },
    async relaunchElsewhere(activity) {
      if (!mayRelaunch(activity)) return false;
      if (otherPlace(activity.value, await offerOf(ports, settings.jobs)) === undefined) return false;
      await requeue(activity);
      return true;
    },
  };
}

function limitsOf(job: Job, settings: Settings): Pick<LaunchOrder, "limits"> {
  return settings.jobs.limited ? { limits: sizesOf(job) } : {};
}

/** The commit is the claim: of several processes one wins, and a crash right after it shows as a launch without agent. */
async function claim(
  { records, clock }: CorePorts,
  { activity, taking }: Due,
  job: Stored<"job">,
): Promise<JobActivity> {
  const { id, version } = activity;
  const { slots = [], frees = [] } = taking ?? {};
  const value: JobActivity = {
    ...activity.value,
    ...taking?.place,
    state: "launching",
    attempt: activity.value.attempt + 1,
    slots: [...(activity.value.slots ?? []).filter((slot) => !frees.includes(slot)), ...slots],
    since: isoTime(clock.now()),
  };
  const changes: Change[] = [{ op: "replace", kind: "job-activity", id, version, value }];
  const placed = placedAt(job.value, value);
  if (placed.remote_build_node !== job.value.remote_build_node)
    changes.push({ op: "replace", kind: "job", id, version: job.version, value: placed });
  await records.commit([...changes, ...freeSlotChanges(frees), ...takeSlots(id, slots)]);
  return value;
}
