import type { AbsenceCause, AgentPresence } from "../../../core/ports/job-runner.ts";
import type { Condition, ContainerState, JobView, PodView } from "./api/views.ts";
import { MEMORY_ANNOTATION, RELEASED_LABEL } from "./labels.ts";
import { AGENT_CONTAINER } from "./manifests/pod.ts";

/** What the cluster has of a job. */
export interface JobObjects {
  readonly job: JobView | undefined;
  /** Of the Job's present attempt; also as it was last seen, when it is gone. */
  readonly pod: PodView | undefined;
}

type Absent = Extract<AgentPresence, { state: "absent" }> & {
  /** Events of what may say more about it. */
  readonly seeEvents?: true;
};
export type Presence = Exclude<AgentPresence, { state: "absent" }> | Absent;

/** An image that could not be fetched for so long will not be. */
const PULL_MILLISECONDS = 90_000;
const HOPELESS: ReadonlySet<string> = new Set(["InvalidImageName", "ErrImageNeverPull"]);
const PULLING: ReadonlySet<string> = new Set(["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"]);
/** Nodes that go, or went, as Kubernetes words it. */
const NODE_GONE: ReadonlySet<string> = new Set(["DeletionByPodGC", "NodeLost", "Terminated", "NodeShutdown"]);
const ENDED_PHASES: ReadonlySet<string> = new Set(["Failed", "Succeeded"]);

/** Whether a job's agent lives, from what Kubernetes says of its Job and pod. `now` in milliseconds. */
export function presenceOf({ job, pod }: JobObjects, startMilliseconds: number, now: number): Presence {
  if (job === undefined) return { state: "absent" };
  const ended = pod === undefined ? undefined : endOf(job, pod);
  const over = endedBy(job, ended) ?? withdrawn(job);
  if (over !== undefined) return over;
  return pod === undefined ? podless(job, startMilliseconds, now) : living(pod, startMilliseconds, now);
}

/** What the Job says of its end, beside what its pod does. */
function endedBy({ status }: JobView, ended: Absent | undefined): Absent | undefined {
  const failed = conditionOf(status, "Failed");
  // It is said to be failing before its pod is ended, and to have failed afterwards.
  const late = deadline(failed ?? conditionOf(status, "FailureTarget"));
  if (ended !== undefined) return late ?? ended;
  if (failed !== undefined) return late ?? failedWithoutPod(failed);
  return conditionOf(status, "Complete") === undefined ? undefined : absent("exit code 0");
}

function withdrawn({ metadata, spec }: JobView): Absent | undefined {
  if (metadata.deletionTimestamp !== undefined) return absent("somebody deleted its Job");
  if (!spec.suspend) return undefined;
  // One that is not resumed was not launched to the end.
  const released = metadata.labels?.[RELEASED_LABEL] !== undefined;
  return absent(released ? "it was ended by an administrator" : "its launch was not finished");
}

interface WithConditions {
  readonly conditions: readonly Condition[];
}

function conditionOf({ conditions }: WithConditions, type: string, value = "True"): Condition | undefined {
  return conditions.find((each) => each.type === type && each.status === value);
}

function absent(reason: string | undefined, cause?: AbsenceCause): Absent {
  return {
    state: "absent",
    ...(reason === undefined ? {} : { reason }),
    ...(cause === undefined ? {} : { cause }),
  };
}

function deadline(failed: Condition | undefined): Absent | undefined {
  return failed?.reason === "DeadlineExceeded" ? absent(failed.message, "deadline") : undefined;
}

/** Whoever removes a pod by force takes what it said along. */
function failedWithoutPod({ message = "its Job has failed" }: Condition): Absent {
  return absent(message, message.includes("condition DisruptionTarget") ? "evicted" : undefined);
}

function stateOf({ status }: PodView): ContainerState {
  return status.containerStatuses.find(({ name }) => name === AGENT_CONTAINER)?.state ?? {};
}

/** How the agent ended, if it has. */
function endOf(job: JobView, pod: PodView): Absent | undefined {
  const { message, phase = "", reason } = pod.status;
  const { terminated } = stateOf(pod);
  const disruption = disruptionOf(pod);
  // A node that is gone says nothing of its containers any more.
  if (terminated === undefined && !ENDED_PHASES.has(phase))
    return disruption?.cause === "node-lost" ? disruption : undefined;
  if (disruption !== undefined) return disruption;
  return terminated === undefined
    ? absent(message ?? reason ?? "its pod was deleted")
    : endOfAgent(terminated, memoryLimitOf(job));
}

function endOfAgent(
  { exitCode, message = "", reason }: NonNullable<ContainerState["terminated"]>,
  memory: { readonly limitBytes: number } | undefined,
): Absent {
  const words = message.trimEnd().split("\n").at(-1)?.slice(0, 300) ?? "";
  const how = exitCode === 137 ? "killed by SIGKILL" : `exit code ${exitCode}`;
  const ended = absent(words === "" ? how : `${how}: ${words}`);
  if (reason !== "OOMKilled") return ended;
  return { ...ended, cause: "oom-killed", ...(memory === undefined ? {} : { memory }) };
}

function memoryLimitOf({ metadata }: JobView): { readonly limitBytes: number } | undefined {
  const limitBytes = Number(metadata.annotations?.[MEMORY_ANNOTATION]);
  return Number.isSafeInteger(limitBytes) ? { limitBytes } : undefined;
}

/** What took the pod away from outside, or is about to. */
function disruptionOf(pod: PodView): Absent | undefined {
  const { message, reason = "" } = pod.status;
  const target = conditionOf(pod.status, "DisruptionTarget");
  const words = target?.message === undefined || target.message === "" ? message : target.message;
  if (isOnLostNode(pod, target?.reason ?? "")) return absent(words, "node-lost");
  return target !== undefined || reason === "Evicted" ? absent(words, "evicted") : undefined;
}

function isOnLostNode(pod: PodView, disruption: string): boolean {
  if (NODE_GONE.has(disruption) || NODE_GONE.has(pod.status.reason ?? "")) return true;
  if (disruption !== "DeletionByTaintManager") return false;
  // The kubelet of a node that is only to be emptied tells how the container ended.
  return stateOf(pod).terminated === undefined && pod.metadata.deletionTimestamp !== undefined;
}

function podless(job: JobView, startMilliseconds: number, now: number): Presence {
  if (ageOf(job, now) <= startMilliseconds) return { state: "starting", reason: "Its pod is being made." };
  return { ...absent("Kubernetes made no pod for it.", "unschedulable"), seeEvents: true };
}

function ageOf({ metadata }: JobView | PodView, now: number): number {
  return now - Date.parse(metadata.creationTimestamp ?? new Date(now).toISOString());
}

function living(pod: PodView, startMilliseconds: number, now: number): Presence {
  const state = stateOf(pod);
  if (state.running !== undefined) return { state: "running" };
  const { cause, patience, reason } = imageObstacle(state) ?? placeObstacle(pod, state);
  if (ageOf(pod, now) <= Math.min(patience, startMilliseconds))
    return { state: "starting", ...(reason === undefined ? {} : { reason }) };
  return { ...absent(reason ?? "Its pod does not start.", cause), seeEvents: true };
}

/** What keeps a pod from running, in the words of the scheduler or of the kubelet. */
interface Obstacle {
  readonly cause?: AbsenceCause;
  readonly reason?: string | undefined;
  /** How long it may do so, in milliseconds. */
  readonly patience: number;
}

function imageObstacle({ waiting }: ContainerState): Obstacle | undefined {
  const why = waiting?.reason ?? "";
  if (!HOPELESS.has(why) && !PULLING.has(why)) return undefined;
  const patience = HOPELESS.has(why) ? 0 : PULL_MILLISECONDS;
  return { cause: "image-pull-failed", reason: waiting?.message ?? why, patience };
}

function placeObstacle({ status }: PodView, { waiting }: ContainerState): Obstacle {
  const patience = Number.POSITIVE_INFINITY;
  const unscheduled = conditionOf(status, "PodScheduled", "False");
  if (unscheduled === undefined) return { reason: waiting?.message ?? waiting?.reason, patience };
  const reason = unscheduled.message ?? unscheduled.reason ?? "";
  return {
    cause: /persistentvolumeclaim/iu.test(reason) ? "volume-pending" : "unschedulable",
    reason,
    patience,
  };
}
