import type { AgentFailure } from "../../core/jobs/agent-messages.ts";
import { GIB, nextSize, readable } from "../../core/jobs/shortage.ts";
import type { DiskUse } from "../../core/ports/agent-tools.ts";

const LONGEST_TEXT = 2000;

/** How the disk stands to what the job asked for, and which of the two has to change. */
export function withDiskUse(
  failure: AgentFailure,
  asked: number,
  { used, free, size }: DiskUse,
): AgentFailure {
  const facts = [
    `The job asked for ${asked} GiB (build_env_size)`,
    ...(used === undefined ? [] : [`its work folder holds ${readable(used)}`]),
    `of the disk's ${readable(size)} are ${readable(free)} free`,
  ];
  const hint =
    used !== undefined && used >= asked * GIB * 0.9
      ? `The job needs more than it asked for: post it again with build_env_size ${nextSize(Math.max(used, asked * GIB))}.`
      : "The disk has less room than the job may use: free some, let fewer jobs run at once (IMS_MAX_JOBS), or keep the service's data (IMS_DATA) on a larger disk, then retry.";
  return {
    ...failure,
    message: `${failure.message} ${facts.join(", ")}.`.slice(0, LONGEST_TEXT),
    hint,
  };
}
