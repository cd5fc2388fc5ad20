import * as v from "valibot";
import { Arch } from "../arch.ts";

/**
 * What the service still has to do for a job. It exists from the job's creation until nothing of its work is left, so
 * that the queue, heartbeats and cleaning cost nothing for the jobs that are done, and it outlives a deleted job.
 *
 * queued -> launching -> running -> releasing -> (gone)
 */
export const JobActivity = v.object({
  id: v.string(),
  state: v.picklist(["queued", "launching", "running", "releasing"]),
  /** Launches so far. An agent of an earlier attempt is refused. */
  attempt: v.number(),
  /** Of the job: what its turn depends on. */
  arch: v.optional(Arch),
  priority: v.optional(v.number()),
  /** Ids of the slots that it holds, from before its launch until nothing of its work is left. */
  slots: v.optional(v.array(v.string())),
  /** When this state began, UTC ISO 8601. */
  since: v.string(),
  /** When the agent was last heard. */
  last_seen: v.optional(v.string()),
  /** When somebody last used the job's shell. */
  shell_used: v.optional(v.string()),
  /** Bucket and prefix of objects to remove while releasing: what a failed job uploaded. */
  discard: v.optional(v.object({ bucket: v.string(), prefix: v.string() })),
});
export type JobActivity = v.InferOutput<typeof JobActivity>;
