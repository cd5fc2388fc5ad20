import { listStored, listValues } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { JobRunner, LeftJob } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import type { JobActivity } from "./activity.ts";
import { createInFlight } from "./in-flight.ts";
import { createLauncher } from "./launch.ts";
import { runnerOf } from "./runners.ts";
import { createSupervisor } from "./supervise.ts";

export interface Reconciler {
  /**
   * Looks at every job that needs something and does it: launches what is due, ends jobs whose agent is gone, cleans
   * up after those that are over. Never throws: what fails is told to telemetry and tried again the next time. What
   * takes long (removing a large work folder) goes on after the answer, so that no job waits for another one.
   */
  tick(): Promise<void>;
  /** Stops whatever the runners still have of jobs that nobody knows any more, or that are worked on elsewhere. */
  sweep(): Promise<void>;
}

/** One look waits so long for each of its two halves. */
const PATIENCE_MS = 5000;

export function createReconciler(ports: CorePorts, settings: Settings): Reconciler {
  const { records, runners, clock } = ports;
  const inFlight = createInFlight();
  const launcher = createLauncher(ports, settings, inFlight);
  const supervise = createSupervisor(ports, settings, launcher);

  async function patiently(work: readonly Promise<void>[]): Promise<void> {
    await within(clock, PATIENCE_MS, "A look at the jobs", Promise.all(work)).catch((error: unknown) => {
      if (!isDomainError(error, "unavailable")) throw error;
    });
  }

  async function tick(): Promise<void> {
    const activities = (await listStored(records, "job-activity")).filter(
      ({ value }) => value.state !== "queued",
    );
    await patiently(
      activities.flatMap(
        (activity) =>
          inFlight.begin(activity.id, () => guarded(ports, activity.id, () => supervise(activity))) ?? [],
      ),
    );
    // Read again there: what was cleaned just now makes room.
    await patiently(await launcher.launchDue());
  }

  async function isWanted(
    runner: JobRunner,
    { jobId, kept, node }: LeftJob,
    activity: JobActivity | undefined,
  ): Promise<boolean> {
    // What is being placed anew may have its place here in a moment.
    if (activity !== undefined && activity.state !== "running") return true;
    if (activity !== undefined) return runnerOf(runners, activity) === runner && activity.node === node;
    return kept === true && (await records.get("job", jobId)) !== undefined;
  }

  async function sweep(runner: JobRunner): Promise<void> {
    const left = await runner.leftovers();
    // Read after the list was made: a job that was launched meanwhile is known by then.
    const activities = new Map((await listValues(records, "job-activity")).map((value) => [value.id, value]));
    for (const ref of left)
      if (!(await isWanted(runner, ref, activities.get(ref.jobId)))) await runner.stop(ref);
  }

  return {
    tick: () => guarded(ports, "all", tick),
    async sweep() {
      await Promise.all(
        runners.map((runner) => guarded(ports, `leftovers ${runner.name}`, () => sweep(runner))),
      );
    },
  };
}

/** A lost race means that somebody else dealt with the job; anything else is told, and tried again at the next tick. */
async function guarded(ports: CorePorts, job: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (isDomainError(error, "lost-race")) return;
    ports.telemetry.emit({ event: "reconcile-failed", level: "error", job, reason: String(error) });
  });
}
