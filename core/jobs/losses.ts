import type { AbsenceCause, AgentPresence } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import type { JobActivity } from "./activity.ts";
import type { Job } from "./job.ts";
import type { FailureReason } from "./job-endings.ts";
import { memoryHint } from "./shortage.ts";
import { LIMITED_PHASES, type LimitedPhase } from "./status.ts";

/** The agent ends an idle shell itself, and says so better; this much later the service does. */
const IDLE_GRACE_SECONDS = 60;

/** Agents begin with their first step at once. */
const IDLE_AGENT_SECONDS = 300;

type Absent = Extract<AgentPresence, { state: "absent" }>;

const AGAIN = "then start the job again (POST /v3/jobs/{id}/retry).";

/** Also when the agent is the one that notices. */
export const WORK_FOLDER_LOST: FailureReason = {
  code: "work_folder_lost",
  message: "The job's work folder was removed while the job ran.",
  hint: `See what cleans up the folder of running jobs (work in IMS_DATA) and keep it from doing so, ${AGAIN}`,
};

const CAUSES: Readonly<Record<AbsenceCause, FailureReason>> = {
  "machine-restarted": {
    code: "agent_lost",
    message: "The machine was restarted while the job ran.",
    hint: "Nothing of the job is left: start it again (POST /v3/jobs/{id}/retry).",
  },
  "work-folder-gone": WORK_FOLDER_LOST,
  "oom-killed": {
    code: "oom_killed",
    message: "The job ran out of memory, and the kernel killed its agent.",
    hint: memoryHint({}),
  },
  evicted: {
    code: "evicted",
    message:
      "The job was taken from its node: it was needed for something else, emptied, or short of something.",
    hint: "The message says why. Retry it; where nodes run out of disk or memory, give them more or let fewer jobs run.",
  },
  "node-lost": {
    code: "node_lost",
    message: "The node that the job ran on is gone, or out of reach.",
    hint: `See what became of the node, ${AGAIN}`,
  },
  deadline: {
    code: "deadline_exceeded",
    message: "The job ran for longer than its runner lets jobs run.",
    hint: `That is more than all its phases may take together: see the log's last lines, ${AGAIN}`,
  },
  "image-pull-failed": {
    code: "image_pull_failed",
    message: "The agent's container image could not be fetched.",
    hint: `See that IMS_AGENT_IMAGE names an image that the nodes can fetch (ims doctor --try), ${AGAIN}`,
  },
  unschedulable: {
    code: "unschedulable",
    message: "No node had room for the job, or was fit for it, for as long as jobs may wait.",
    hint: `Ask for less (job_mem_size), add nodes, or let jobs wait longer (IMS_KUBERNETES_START_SECONDS), ${AGAIN}`,
  },
  "volume-pending": {
    code: "volume_pending",
    message: "The job's volume was not made for as long as jobs may wait.",
    hint: `See the storage class (IMS_KUBERNETES_STORAGE_CLASS, ims doctor) and its provisioner, ${AGAIN}`,
  },
};

const KEEPS_FROM_STARTING: ReadonlySet<AbsenceCause> = new Set([
  "image-pull-failed",
  "unschedulable",
  "volume-pending",
]);

/** Whether another launch would meet with the same. */
export function isInTheWay(cause: AbsenceCause | undefined): boolean {
  return cause !== undefined && KEEPS_FROM_STARTING.has(cause);
}

/** An agent that is gone without having said how its job ended. */
export function agentDied({ cause, reason, memory }: Absent): FailureReason {
  const words = reason === undefined ? "" : ` Its last words: ${reason}`;
  if (cause !== undefined)
    return {
      ...CAUSES[cause],
      message: `${CAUSES[cause].message}${words}`,
      ...(memory === undefined ? {} : { hint: memoryHint(memory) }),
    };
  return {
    code: "agent_lost",
    message: `The job's agent ended without a word: somebody killed it, or it broke down.${words}`,
    hint: `Look for what ended it in the machine's log, ${AGAIN}`,
  };
}

export function agentSilent(seconds: number): FailureReason {
  return {
    code: "agent_lost",
    message: `The job's agent has not been heard for ${seconds} s.`,
    hint: `Check that the agent can reach the service (IMS_AGENT_URL) and that its machine is not overloaded, ${AGAIN}`,
  };
}

/** `reason`: what the runner says of the node. */
export function nodeUnreachable(seconds: number, reason: string): FailureReason {
  return {
    code: "node_unreachable",
    message: `The node that works on the job has been out of reach, and its agent has not been heard, for ${seconds} s. ${reason}`,
    hint: `Bring the node back (GET /v3/remote-build-nodes/status says what is wrong), or remove it from the registry, ${AGAIN}`,
  };
}

const WORDS: Readonly<Record<LimitedPhase, string>> = {
  fetching_image: "Fetching the image",
  fetching_recipe: "Fetching the recipe",
  waiting_for_repos: "Waiting for the recipe's repositories",
  building_image: "Building the image",
  packaging_artifacts: "Packaging the image",
  waiting_on_user: "Waiting for the user of the shell",
};

/** Why a job has had its time, or `undefined`. `since`: no silence counts from before (milliseconds, as `now`). */
export function overdue(
  job: Job,
  activity: JobActivity,
  { since, now }: { readonly since: number; readonly now: number },
  settings: Settings["jobs"],
): FailureReason | undefined {
  const phase = LIMITED_PHASES.find((limited) => limited === job.status);
  const began = Date.parse(job.progress?.phases.at(-1)?.started ?? activity.since);
  if (phase === undefined) return idleAgent(Math.max(began, Date.parse(activity.since), since), now);
  const limit = settings.phaseSeconds[phase];
  if (now - began > limit * 1000) return phaseOverdue(phase, limit);
  const used = Math.max(began, Date.parse(activity.shell_used ?? activity.since), since);
  const idle = settings.idleLimitSeconds;
  if (phase === "waiting_on_user" && now - used > (idle + IDLE_GRACE_SECONDS) * 1000) return shellIdle(idle);
  return undefined;
}

/** Its waiting is over once it has an agent: that one has to begin. */
function idleAgent(began: number, now: number): FailureReason | undefined {
  if (now - began <= IDLE_AGENT_SECONDS * 1000) return undefined;
  return {
    code: "agent_lost",
    message: `The job's agent is heard, but has not begun its work for ${IDLE_AGENT_SECONDS} s.`,
    hint: `Look for what keeps it in the job's log, ${AGAIN}`,
  };
}

function phaseOverdue(phase: LimitedPhase, limit: number): FailureReason {
  return {
    code: "deadline_exceeded",
    message: `${WORDS[phase]} took longer than the limit of ${limit} s for ${phase}.`,
    hint: `The log's last lines say what took so long. If it needs the time, raise the limit (IMS_PHASE_SECONDS=${phase}=...), ${AGAIN}`,
  };
}

function shellIdle(limit: number): FailureReason {
  return {
    code: "deadline_exceeded",
    message: `Nobody used the job's shell for ${limit} s, the limit for shells that are idle.`,
    hint: `Say that you are done with the file complete, or raise the limit (IMS_IDLE_SECONDS), ${AGAIN}`,
  };
}
