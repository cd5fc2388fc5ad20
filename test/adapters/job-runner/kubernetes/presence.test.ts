import { describe, expect, it } from "vitest";
import type {
  ContainerState,
  JobView,
  PodView,
} from "../../../../adapters/job-runner/kubernetes/api/views.ts";
import { presenceOf } from "../../../../adapters/job-runner/kubernetes/presence.ts";

const NOW = Date.parse("2026-01-01T00:10:00Z");
const START_MS = 300_000;
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

type Conditions = JobView["status"]["conditions"];

const job = (conditions: Conditions = [], more: Partial<JobView["metadata"]> = {}): JobView => ({
  metadata: {
    name: "j",
    uid: "u",
    creationTimestamp: ago(20),
    annotations: { "ims/memory-bytes": "1024" },
    ...more,
  },
  spec: { suspend: false },
  status: { conditions },
});
const pod = (
  status: Partial<PodView["status"]>,
  age = 20,
  more: Partial<PodView["metadata"]> = {},
): PodView => ({
  metadata: { name: "p", uid: "v", creationTimestamp: ago(age), ...more },
  status: { conditions: [], containerStatuses: [], ...status },
});
const container = (state: ContainerState) => ({ containerStatuses: [{ name: "agent", state }] });
const ended = (exitCode: number, message?: string, reason?: string) =>
  pod({ phase: "Failed", ...container({ terminated: { exitCode, message, reason } }) });
const look = (theJob: JobView | undefined, thePod?: PodView) =>
  presenceOf({ job: theJob, pod: thePod }, START_MS, NOW);

describe("a job's agent, by what Kubernetes says of it,", () => {
  it("is absent when it was never launched, or not to the end", () => {
    expect(look(undefined)).toEqual({ state: "absent" });
    expect(look({ ...job(), spec: { suspend: true } })).toEqual({
      state: "absent",
      reason: "its launch was not finished",
    });
    const released = { ...job([], { labels: { "ims/released": "true" } }), spec: { suspend: true } };
    expect(look(released)).toEqual({ state: "absent", reason: "it was ended by an administrator" });
  });

  it("is starting until its container runs", () => {
    expect(look(job())).toEqual({ state: "starting", reason: "Its pod is being made." });
    expect(look(job(), pod({ phase: "Pending" }))).toEqual({ state: "starting" });
    expect(look(job(), pod(container({ waiting: { reason: "ContainerCreating" } })))).toEqual({
      state: "starting",
      reason: "ContainerCreating",
    });
    expect(look(job(), pod({ phase: "Running", ...container({ running: {} }) }))).toEqual({
      state: "running",
    });
  });

  it("is absent with its exit code and its last words", () => {
    expect(look(job(), ended(3, "first\nthe plan is unreadable\n"))).toEqual({
      state: "absent",
      reason: "exit code 3: the plan is unreadable",
    });
    expect(look(job(), ended(137))).toEqual({ state: "absent", reason: "killed by SIGKILL" });
    expect(look(job([{ type: "Complete", status: "True" }]))).toMatchObject({ reason: "exit code 0" });
    expect(look(job([], { deletionTimestamp: ago(1) }))).toMatchObject({
      reason: "somebody deleted its Job",
    });
    expect(look(job(), pod({ phase: "Failed" }))).toMatchObject({ reason: "its pod was deleted" });
  });

  it("is out of memory with the limit that it had", () => {
    expect(look(job(), ended(137, undefined, "OOMKilled"))).toEqual({
      state: "absent",
      reason: "killed by SIGKILL",
      cause: "oom-killed",
      memory: { limitBytes: 1024 },
    });
  });

  it("is unschedulable in the scheduler's words, once it had its time", () => {
    const words = "0/1 nodes are available: 1 Insufficient memory.";
    const pending = (message: string, age: number) =>
      pod({ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }] }, age);
    expect(look(job(), pending(words, 299))).toEqual({ state: "starting", reason: words });
    expect(look(job(), pending(words, 301))).toEqual({
      state: "absent",
      reason: words,
      cause: "unschedulable",
      seeEvents: true,
    });
    const unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    expect(look(job(), pending(unbound, 301))).toMatchObject({ cause: "volume-pending", reason: unbound });
    expect(look(job([], { creationTimestamp: ago(301) }))).toMatchObject({ cause: "unschedulable" });
  });

  it("has no image when that cannot be fetched: soon, and at once where there is no hope", () => {
    const waiting = (reason: string, age: number) =>
      pod(container({ waiting: { reason, message: `${reason}!` } }), age);
    expect(look(job(), waiting("ImagePullBackOff", 89))).toMatchObject({ state: "starting" });
    expect(look(job(), waiting("ErrImagePull", 91))).toMatchObject({
      cause: "image-pull-failed",
      reason: "ErrImagePull!",
    });
    for (const reason of ["InvalidImageName", "ErrImageNeverPull"])
      expect(look(job(), waiting(reason, 1))).toMatchObject({ cause: "image-pull-failed" });
  });

  it("was evicted when something took its pod away", () => {
    const target = (reason: string) => ({
      conditions: [{ type: "DisruptionTarget", status: "True", reason, message: `${reason}.` }],
    });
    const drained = pod({
      ...target("EvictionByEvictionAPI"),
      ...container({ terminated: { exitCode: 143 } }),
    });
    expect(look(job(), drained)).toEqual({
      state: "absent",
      cause: "evicted",
      reason: "EvictionByEvictionAPI.",
    });
    const full = pod({
      phase: "Failed",
      reason: "Evicted",
      message: "The node was low on resource: memory.",
    });
    expect(look(job(), full)).toMatchObject({
      cause: "evicted",
      reason: "The node was low on resource: memory.",
    });
    const tainted = pod({
      ...target("DeletionByTaintManager"),
      ...container({ terminated: { exitCode: 143 } }),
    });
    expect(look(job(), tainted)).toMatchObject({ cause: "evicted" });
    const leaving = pod({ ...target("EvictionByEvictionAPI"), ...container({ running: {} }) });
    expect(look(job(), leaving)).toEqual({ state: "running" });
    const message = "Pod ims/p has condition DisruptionTarget matching FailJob rule at index 0";
    const gone = job([{ type: "Failed", status: "True", reason: "PodFailurePolicy", message }]);
    expect(look(gone)).toEqual({ state: "absent", cause: "evicted", reason: message });
  });

  it("is on a lost node when that says nothing any more", () => {
    const target = (reason: string) => ({
      conditions: [{ type: "DisruptionTarget", status: "True", reason, message: reason }],
      ...container({ running: {} }),
    });
    const deleted = { deletionTimestamp: ago(1) };
    expect(look(job(), pod(target("DeletionByTaintManager"), 20, deleted))).toMatchObject({
      cause: "node-lost",
    });
    expect(look(job(), pod(target("DeletionByTaintManager")))).toEqual({ state: "running" });
    expect(look(job(), pod({ ...target("DeletionByPodGC"), phase: "Failed" }))).toMatchObject({
      cause: "node-lost",
    });
    expect(look(job(), pod({ reason: "NodeLost", ...container({ running: {} }) }))).toMatchObject({
      cause: "node-lost",
    });
  });

  it("has had its time when Kubernetes says so, whatever else it says", () => {
    const late = job([
      {
        type: "Failed",
        status: "True",
        reason: "DeadlineExceeded",
        message: "Job was active longer than ...",
      },
    ]);
    for (const each of [undefined, ended(143)])
      expect(look(late, each)).toEqual({
        state: "absent",
        cause: "deadline",
        reason: "Job was active longer than ...",
      });
  });

  it("is gone with a pod that was removed by force", () => {
    const message = "Job has reached the specified backoff limit";
    expect(look(job([{ type: "Failed", status: "True", reason: "BackoffLimitExceeded", message }]))).toEqual({
      state: "absent",
      reason: message,
    });
  });
});
