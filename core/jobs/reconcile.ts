import { listStored } from "../collection.ts";
import { isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import { createInFlight } from "./in-flight.ts";
import { createLauncher } from "./launch.ts";
import { createSupervisor } from "./supervise.ts";

export interface Reconciler {
  /**
   * Looks at every job that needs something and does it: launches what is due, ends jobs whose agent is gone, cleans
   * up after those that are over. Never throws: what fails is told to telemetry and tried again the next time. What
   * takes long (removing a large work folder) goes on after the answer, so that no job waits for another one.
   */
  tick(): Promise<void>;
  /** Stops whatever the runner still has of jobs that nobody knows any more. */
  sweep(): Promise<void>;
}

/** One look waits so long for each of its two halves. */
const PATIENCE_MS = 5000;

export function createReconciler(ports: CorePorts, settings: Settings): Reconciler {
  const { records, runner, clock } = ports;
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

  return {
    tick: () => guarded(ports, "all", tick),
    sweep: () =>
      guarded(ports, "leftovers", async () => {
        const known = new Set((await listStored(records, "job-activity")).map(({ id }) => id));
        // Listed after the ids were read, a job launched meanwhile would look forgotten: ask again before stopping.
        for (const id of await runner.leftovers())
          if (!known.has(id) && (await records.get("job-activity", id)) === undefined) await runner.stop(id);
      }),
  };
}

/** A lost race means that somebody else dealt with the job; anything else is told, and tried again at the next tick. */
async function guarded(ports: CorePorts, job: string, work: () => Promise<void>): Promise<void> {
  await work().catch((error: unknown) => {
    if (isDomainError(error, "lost-race")) return;
    ports.telemetry.emit({ event: "reconcile-failed", level: "error", job, reason: String(error) });
  });
}
