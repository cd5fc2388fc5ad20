import { readlink } from "node:fs/promises";
import { orNothing } from "../process/mount-namespace.ts";
import { listProcesses } from "../process/process-table.ts";

/** sshd that listens, the first of the processes of its namespace. */
const LISTENING = 1;

/**
 * Whether anything but the listening sshd runs in a shell: a session, or what one left behind. Of all processes that this
 * one can see those are the shell's that have another namespace of processes than its own.
 */
export async function isOccupied(): Promise<boolean> {
  const own = await readlink("/proc/self/ns/pid");
  const views = await listProcesses();
  const namespaces = await Promise.all(views.map(({ pid }) => orNothing(readlink(`/proc/${pid}/ns/pid`))));
  return namespaces.filter((found) => found !== undefined && found !== own).length > LISTENING;
}
