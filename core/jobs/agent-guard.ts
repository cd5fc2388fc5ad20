import { DomainError } from "../errors.ts";
import type { Records, Stored } from "../ports/records.ts";
import type { AgentIdentity } from "./agent-tokens.ts";
import { isTerminal } from "./status.ts";

export interface AgentGuard {
  /** The job as long as it exists and no newer attempt has begun. @throws `gone` */
  readonly current: (
    agent: AgentIdentity,
  ) => Promise<{ job: Stored<"job">; activity: Stored<"job-activity"> | undefined }>;
  /** The same while the job is not over. @throws `gone` */
  readonly working: (
    agent: AgentIdentity,
  ) => Promise<{ job: Stored<"job">; activity: Stored<"job-activity"> }>;
}

/** Decides whether an agent is still wanted. */
export function createAgentGuard(records: Records): AgentGuard {
  async function current({ jobId, attempt }: AgentIdentity) {
    const [job, activity] = await Promise.all([
      records.get("job", jobId),
      records.get("job-activity", jobId),
    ]);
    if (job === undefined || (activity !== undefined && activity.value.attempt !== attempt)) throw gone();
    return { job, activity };
  }

  async function working(agent: AgentIdentity) {
    const { job, activity } = await current(agent);
    if (isTerminal(job.value.status) || activity === undefined || activity.value.state === "releasing")
      throw gone();
    return { job, activity };
  }

  return { current, working };
}

export function gone(): DomainError {
  return new DomainError("gone", "This job no longer needs its agent.");
}
