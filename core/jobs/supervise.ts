import { isDomainError } from "../errors.ts";
import type { AgentPresence } from "../ports/job-runner.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import { releaseChanges } from "./activities.ts";
import { failJob } from "./job-endings.ts";
import type { Launcher } from "./launch.ts";
import { createRelease } from "./release.ts";
import type { FailureReason } from "./job-endings.ts";
import { agentDied, agentSilent, isInTheWay, nodeUnreachable, overdue } from "./losses.ts";
import type { JobActivity } from "./activity.ts";
import { refOf, runnerOf } from "./runners.ts";
import { isTerminal } from "./status.ts";
import { delayed } from "./transitions.ts";

type Activity = Stored<"job-activity">;

/** A launch that left no agent is given so long before it is tried again: a runner may be starting it right now. */
const LAUNCH_GRACE_MS = 10_000;
const USUAL_START_MS = 5000;
/** A runner that does not answer for longer cannot tell. Removing a large work folder takes its time. */
const INSPECT_LIMIT_MS = 15_000;

/** A runner that fails is one that cannot tell: the agent's silence decides then. */
function createInspection({ runners, clock, telemetry }: CorePorts) {
  return async ({ value }: Activity): Promise<AgentPresence> => {
    const runner = runnerOf(runners, value);
    if (runner === undefined)
      return { state: "unknown", reason: "Another process of the service has its runner." };
    try {
      return await within(clock, INSPECT_LIMIT_MS, "Looking for the agent", runner.inspect(refOf(value)));
    } catch (error) {
      if (!isDomainError(error)) throw error;
      telemetry.emit({ event: "inspect-failed", level: "warn", job: value.id, reason: error.message });
      return { state: "unknown", reason: error.message };
    }
  };
}

/** Looks after one job: ends it when its agent or its time is gone, cleans up after it when it is over. */
export function createSupervisor(
  ports: CorePorts,
  settings: Settings,
  launcher: Launcher,
): (activity: Activity) => Promise<void> {
  const { records, runners, clock } = ports;
  const startedAt = clock.now();
  /** When a job's agent was last seen on its way to run. */
  const lastStarting = new Map<string, number>();

  const release = createRelease(ports);

  const inspect = createInspection(ports);

  /** Seconds. */
  const patienceWith = ({ runner = runners[0]?.name ?? "local" }: JobActivity): number =>
    settings.jobs.silenceSeconds[runner];

  async function running(activity: Activity, job: Stored<"job">): Promise<void> {
    const { id, value } = activity;
    const fail = failJob.bind(undefined, ports, settings, id);
    const now = clock.now();
    const presence = await inspect(activity);
    if (presence.state === "absent") return await fail(agentDied(presence));
    // While the service was down nobody could be heard, so silence counts from its start at the earliest.
    const heard = Math.max(Date.parse(value.last_seen ?? value.since), startedAt);
    const silence = Math.floor((now - heard) / 1000);
    const patience = patienceWith(value);
    if (silence > patience) return await fail(unheard(value, presence, silence));
    // Nor could an agent say then that it had gone on to the next phase.
    if (now - startedAt <= patience * 1000) return;
    const late = overdue(job.value, value, { since: startedAt, now }, settings.jobs);
    if (late !== undefined) await fail(late);
  }

  /** What keeps it is told once it takes longer than most do. */
  async function starting({ id, value }: Activity, job: Stored<"job">, reason: string): Promise<void> {
    lastStarting.set(id, clock.now());
    if (clock.now() - Date.parse(value.since) < USUAL_START_MS) return;
    const told = delayed(job.value, reason);
    if (told === undefined) return;
    await records.commit([{ op: "replace", kind: "job", id, version: job.version, value: told }]);
  }

  async function launching(activity: Activity, job: Stored<"job">): Promise<void> {
    const age = clock.now() - Date.parse(activity.value.since);
    const presence = await inspect(activity);
    if (presence.state === "starting") return await starting(activity, job, presence.reason ?? "");
    if (presence.state === "absent") {
      if (isInTheWay(presence.cause)) return await failJob(ports, settings, activity.id, agentDied(presence));
      if (age > LAUNCH_GRACE_MS) await launcher.relaunchOrFail(activity, presence.reason);
      return;
    }
    // As with one that runs: nobody could be heard while the service was down, nor before it ran.
    const began = Math.max(startedAt, lastStarting.get(activity.id) ?? 0);
    const silence = Math.floor(Math.min(age, clock.now() - began) / 1000);
    if (silence <= patienceWith(activity.value)) return;
    if (presence.state === "unknown" && (await launcher.relaunchElsewhere(activity))) return;
    await failJob(ports, settings, activity.id, unheard(activity.value, presence, silence));
  }

  return async (activity) => {
    const { state } = activity.value;
    if (state !== "launching") lastStarting.delete(activity.id);
    if (state === "releasing") return await release(activity);
    const job = await records.get("job", activity.id);
    // Whoever ends a job has its work released in the same commit; what a damaged store says otherwise must not hang.
    if (job === undefined) return await release(activity);
    if (isTerminal(job.value.status))
      return await records.commit(releaseChanges(activity, job.value, settings, clock.now()));
    if (state === "running") await running(activity, job);
    else if (state === "launching") await launching(activity, job);
  };
}

/** Of a node the runner knows whether it is the node that is silent, or its agent alone. */
function unheard({ node }: JobActivity, presence: AgentPresence, seconds: number): FailureReason {
  if (node === undefined || presence.state !== "unknown") return agentSilent(seconds);
  return nodeUnreachable(seconds, presence.reason);
}
