import { listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { AgentPresence } from "../ports/job-runner.ts";
import type { Ports } from "../ports/index.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import type { JobActivity } from "./activity.ts";
import { failJob, type FailureReason } from "./job-endings.ts";
import { createLauncher } from "./launch.ts";

type Activity = Stored<"job-activity">;

export interface Reconciler {
  /**
   * Looks at every job that needs something and does it: launches what is due, ends jobs whose agent is gone, cleans
   * up after those that are over. Never throws: what fails is told to telemetry and tried again the next time.
   */
  tick(): Promise<void>;
  /** Stops whatever the runner still has of jobs that nobody knows any more. */
  sweep(): Promise<void>;
}

/** A launch that left no agent is given so long before it is tried again: a runner may be starting it right now. */
const LAUNCH_GRACE_MS = 10_000;

export function createReconciler(ports: Ports, settings: Settings): Reconciler {
  const { records, runner, clock } = ports;
  const startedAt = clock.now();
  const launcher = createLauncher(ports, settings);

  async function release(activity: Activity): Promise<void> {
    const { id, version } = activity;
    await runner.stop(id);
    await discardObjects(ports, activity.value);
    if ((await records.get("job", id)) === undefined) await ports.logs.remove(id);
    await records.commit([{ op: "remove", kind: "job-activity", id, version }]);
  }

  async function superviseRunning({ id, value }: Activity): Promise<void> {
    const presence = await runner.inspect(id);
    if (presence.state === "absent") return await failJob(ports, settings, id, agentDied(presence));
    // While the service was down nobody could be heard, so silence counts from its start at the earliest.
    const heard = Math.max(Date.parse(value.last_seen ?? value.since), startedAt);
    const silence = Math.floor((clock.now() - heard) / 1000);
    if (silence > settings.jobs.silenceSeconds) await failJob(ports, settings, id, agentSilent(silence));
  }

  async function superviseLaunch(activity: Activity): Promise<void> {
    if (launcher.isLaunching(activity.id)) return;
    const age = clock.now() - Date.parse(activity.value.since);
    const presence = await runner.inspect(activity.id);
    if (presence.state === "running") {
      if (age > settings.jobs.silenceSeconds * 1000)
        await failJob(ports, settings, activity.id, agentSilent(Math.floor(age / 1000)));
      return;
    }
    if (presence.state === "absent" && age > LAUNCH_GRACE_MS)
      await launcher.relaunchOrFail(activity, presence.reason);
  }

  async function supervise(activity: Activity): Promise<void> {
    if (activity.value.state === "releasing") await release(activity);
    else if (activity.value.state === "running") await superviseRunning(activity);
    else if (activity.value.state === "launching") await superviseLaunch(activity);
  }

  async function tick(): Promise<void> {
    const activities = await listStored(records, "job-activity");
    await Promise.all(activities.map((activity) => guarded(ports, activity.id, () => supervise(activity))));
    // Read again: what was cleaned just now makes room.
    await launcher.launchDue(await listStored(records, "job-activity"));
  }

  return {
    tick: () => guarded(ports, "all", tick),
    sweep: () =>
      guarded(ports, "leftovers", async () => {
        const known = new Set((await listStored(records, "job-activity")).map(({ id }) => id));
        // Listed after the ids were read, a job launched meanwhile would look forgotten: ask again before stopping.
        for (const id of await runner.leftovers())
          if (!known.has(id) && (await records.get("job-activity", id)) === undefined) await runner.stop(id);
      }),
  };
}

async function discardObjects(ports: Ports, { discard }: JobActivity): Promise<void> {
  if (discard === undefined) return;
  for await (const info of ports.artifacts.list(discard.bucket, discard.prefix))
    await ports.artifacts.remove(info);
}

/** A lost race means that somebody else dealt with the job; anything else is told, and tried again at the next tick. */
async function guarded(ports: Ports, job: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (isDomainError(error, "lost-race")) return;
    ports.telemetry.emit({ event: "reconcile-failed", level: "error", job, reason: String(error) });
  });
}

function agentDied(presence: Extract<AgentPresence, { state: "absent" }>): FailureReason {
  const why = presence.reason === undefined ? "" : ` Its last words: ${presence.reason}`;
  return {
    code: "agent_lost",
    message: `The job's agent ended without a word: it was killed, or the machine was restarted.${why}`,
    hint: "Look for the out-of-memory killer in the machine's kernel log, then post the job again.",
  };
}

function agentSilent(seconds: number): FailureReason {
  return {
    code: "agent_lost",
    message: `The job's agent has not been heard for ${seconds} s.`,
    hint: "Check that the agent can reach the service and that the machine is not out of memory, then post the job again.",
  };
}
