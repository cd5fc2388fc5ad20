import { isoTime } from "../collection.ts";
import type { Change, Stored } from "../ports/records.ts";
import type { Settings } from "../settings.ts";
import type { JobActivity } from "./activity.ts";
import type { Job } from "./job.ts";
import type { Place } from "./placement.ts";

/** Where a new job has its place, and the slots that go with it. */
export interface PlaceTaken {
  readonly place: Place;
  readonly slots: readonly string[];
  /** Those of the place that it had before, to be given back in the same commit. */
  readonly frees?: readonly string[];
}

/** With a place it is due at once, without it waits for one. */
export function queued(
  job: Job,
  taken: PlaceTaken | undefined,
  needs: JobActivity["needs"],
  now: number,
): JobActivity {
  const { id, arch, priority } = job;
  return {
    id,
    state: "queued",
    attempt: 0,
    arch,
    ...(needs === undefined ? {} : { needs }),
    ...(priority === undefined ? {} : { priority }),
    ...(taken === undefined ? {} : { ...taken.place, slots: [...taken.slots] }),
    since: isoTime(now),
  };
}

/** Objects of a job that made no image go; `success` keeps them. */
function discardOf(job: Job, settings: Settings): JobActivity["discard"] {
  if (job.resultant_image_id === job.planned_image_id) return undefined;
  return { bucket: settings.buckets.images, prefix: `${job.planned_image_id}/` };
}

/**
 * The change that has whatever a job still runs or holds stopped and cleaned; it belongs into the job's own commit.
 * `keepRemains`: what the runner keeps for administrators to look at stays.
 */
export function releaseChanges(
  activity: Stored<"job-activity">,
  job: Job,
  settings: Settings,
  now: number,
  keepRemains = false,
): Change[] {
  if (activity.value.state === "releasing") return [];
  const discard = discardOf(job, settings);
  const value: JobActivity = {
    ...activity.value,
    state: "releasing",
    since: isoTime(now),
    ...(keepRemains ? { keep_remains: true as const } : {}),
    ...(discard === undefined ? {} : { discard }),
  };
  return [{ op: "replace", kind: "job-activity", id: activity.id, version: activity.version, value }];
}

/**
 * Takes note that an agent was heard: at most twice per interval (in seconds), so that chatty agents cost nothing.
 * `idle`: for how many seconds nobody has used the job's shell.
 */
export function heartbeat(
  activity: Stored<"job-activity">,
  now: number,
  interval: number,
  idle?: number,
): Change[] {
  const fresh = Date.parse(activity.value.last_seen ?? "") > now - interval * 500;
  if (fresh && activity.value.state === "running") return [];
  const since = activity.value.state === "running" ? activity.value.since : isoTime(now);
  const used = idle === undefined ? {} : { shell_used: isoTime(now - idle * 1000) };
  const value = { ...activity.value, state: "running" as const, since, last_seen: isoTime(now), ...used };
  return [
    { op: "replace", kind: "job-activity", id: activity.id, version: activity.version, value } as const,
  ];
}
