import { setTimeout as delay } from "node:timers/promises";
import type { RunCommand } from "../../../core/ports/commands.ts";
import { killGroups, removeGroups } from "../../cgroups/groups.ts";
import { findJobProcesses, killJobProcesses } from "../../process/job-processes.ts";
import { detachLoopDevices, loopDevicesOf } from "../../process/loop-devices.ts";
import { disksOnlyOf } from "../../process/mounts.ts";
import { createTrash } from "../../process/work-folder.ts";
import type { JobPlace } from "./place.ts";

/** A work folder that takes longer to remove goes on to be removed, out of sight, while others get its place. */
const PATIENCE_MILLISECONDS = 4000;

/**
 * Ends whatever there is of a job: its processes, mounts, loop devices, folder, groups and what was noted of it. Safe to
 * repeat. The note goes last, so that a job that was not removed to the end is found again.
 * @throws `unavailable` when something stays.
 */
export async function removeJob({ folder, jobId, notes, trash }: JobPlace, run: RunCommand): Promise<void> {
  const groups = (await notes.read(jobId))?.groups ?? [];
  // With the mounts of the job go the paths by which its devices are known, and with its processes what they mounted.
  const pids = (await findJobProcesses(jobId, folder)).map(({ pid }) => pid);
  const before = await loopDevicesOf(folder, run, await disksOnlyOf(pids));
  await killGroups(groups);
  await killJobProcesses(jobId, folder);
  await detachLoopDevices([...before, ...(await loopDevicesOf(folder, run))], run);
  const remove = await createTrash(trash, run).take(folder);
  await removeGroups(groups);
  await notes.remove(jobId);
  // Whatever it meets with, the next look for leftovers meets with it again, and tells.
  const removed = remove().catch(() => undefined);
  await Promise.race([removed, delay(PATIENCE_MILLISECONDS, undefined, { ref: false })]);
}
