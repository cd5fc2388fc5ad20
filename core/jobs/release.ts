import type { CorePorts } from "../core-ports.ts";
import type { JobRunner } from "../ports/job-runner.ts";
import type { Stored } from "../ports/records.ts";
import { within } from "../time-limit.ts";
import { refOf, runnerOf } from "./runners.ts";
import { freeSlotChanges } from "./slots.ts";

type Activity = Stored<"job-activity">;

const STOP_LIMIT_MS = 900_000;
/** The process that has the runner is given so long to come back. */
const ABANDONED_MS = 3_600_000;

/** Cleans up after a job that is over, and gives its slots back. */
export function createRelease(ports: CorePorts): (activity: Activity) => Promise<void> {
  const { records, runners, clock, telemetry } = ports;

  /** What nobody's runner can clean is let go in the end, or its slots would be held for ever. */
  function isAbandoned({ id, value }: Activity): boolean {
    if (clock.now() - Date.parse(value.since) < ABANDONED_MS) return false;
    telemetry.emit({
      event: "job-abandoned",
      level: "error",
      job: id,
      runner: value.runner,
      node: value.node,
    });
    return true;
  }

  async function clean(runner: JobRunner, { id, value }: Activity): Promise<void> {
    const keeps = value.keep_remains === true && (await records.get("job", id)) !== undefined;
    const cleaned =
      keeps && runner.releaseShell !== undefined
        ? runner.releaseShell(refOf(value))
        : runner.stop(refOf(value));
    await within(clock, STOP_LIMIT_MS, "Cleaning up after the job", cleaned);
  }

  return async (activity) => {
    const { id, version, value } = activity;
    const runner = runnerOf(runners, value);
    if (runner !== undefined) await clean(runner, activity);
    else if (!isAbandoned(activity)) return;
    await discardObjects(ports, value.discard);
    const isDeleted = (await records.get("job", id)) === undefined;
    if (isDeleted) await ports.logs.remove(id);
    const free = freeSlotChanges(value.slots ?? []);
    await records.commit([{ op: "remove", kind: "job-activity", id, version }, ...free]);
    // Nobody can add to it any more. Should this not come about, it is made good when old logs are looked for.
    if (!isDeleted) await ports.logs.complete(id);
  };
}

async function discardObjects(ports: CorePorts, discard: Activity["value"]["discard"]): Promise<void> {
  if (discard === undefined) return;
  for await (const info of ports.artifacts.list(discard.bucket, discard.prefix))
    await ports.artifacts.remove(info);
}
