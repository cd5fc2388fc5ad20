import * as v from "valibot";
import { JobStatus } from "./status.ts";

/** Why a job ended in error: one word that programs can act on. The README says how each comes about. */
export const FAILURE_CODES = [
  "agent_lost",
  "build_failed",
  "build_tool_missing",
  "cancelled",
  "checksum_mismatch",
  "deadline_exceeded",
  "disk_full",
  "download_failed",
  "evicted",
  "image_pull_failed",
  "internal",
  "launch_failed",
  "node_lost",
  "node_unreachable",
  "not_supported",
  "oom_killed",
  "packing_failed",
  "public_key_unusable",
  "recipe_invalid",
  "repository_unreachable",
  "shell_failed",
  "template_failed",
  "unpacking_failed",
  "unschedulable",
  "upload_failed",
  "user_failed",
  "volume_pending",
  "work_folder_lost",
] as const;
export const FailureCode = v.picklist(FAILURE_CODES);
export type FailureCode = v.InferOutput<typeof FailureCode>;

/** `phase` is the status in which the job failed; `log_tail` the last lines of its log, oldest first. */
export const JobFailure = v.object({
  phase: JobStatus,
  code: FailureCode,
  message: v.string(),
  exit_code: v.optional(v.number()),
  log_tail: v.array(v.string()),
  hint: v.string(),
});
export type JobFailure = v.InferOutput<typeof JobFailure>;
