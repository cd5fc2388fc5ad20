import * as v from "valibot";
import { Arch } from "../arch.ts";
import { RUNNER_NAMES } from "../ports/job-runner.ts";

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
  /** Bytes that its node has to have free; absent: whatever there is. */
  needs: v.optional(v.object({ diskBytes: v.number(), memoryBytes: v.number() })),
  priority: v.optional(v.number()),
  /** Ids of the slots that it holds, from before its launch until nothing of its work is left. */
  slots: v.optional(v.array(v.string())),
  /** Where it is worked on, chosen together with its slots. Activities of older services do not say: the first runner. */
  runner: v.optional(v.picklist(RUNNER_NAMES)),
  /** Of a runner that has several. */
  node: v.optional(v.string()),
  /** When this state began, UTC ISO 8601. */
  since: v.string(),
  /** When the agent was last heard. */
  last_seen: v.optional(v.string()),
  /** When somebody last used the job's shell. */
  shell_used: v.optional(v.string()),
  /** An administrator ended it by hand and may want to look at what the runner keeps of it. */
  keep_remains: v.optional(v.literal(true)),
  /** Bucket and prefix of objects to remove while releasing: what a failed job uploaded. */
  discard: v.optional(v.object({ bucket: v.string(), prefix: v.string() })),
});
export type JobActivity = v.InferOutput<typeof JobActivity>;
