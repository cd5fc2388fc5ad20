import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import process from "node:process";
import { readProcess } from "../process/process-table.ts";

/** Tells which process a file belongs to, by a name that no process later has, and whether that one has ended. */
export interface Owners {
  /** `<machine>.<pid>.<start>`, fit for a file name. */
  readonly self: string;
  /** True only when the owner surely has ended; one of another machine or container is not ours to see. */
  hasEnded(owner: string): Promise<boolean>;
}

const OUT_OF_SIGHT = "elsewhere";

export async function knowOwners(): Promise<Owners> {
  const [machine, self] = await Promise.all([nameMachine(), readProcess(process.pid)]);
  const sees = machine !== undefined && self !== undefined;
  return {
    self: `${sees ? machine : OUT_OF_SIGHT}.${process.pid}.${self?.started ?? "0"}`,
    async hasEnded(owner) {
      const [where, pid, started] = owner.split(".");
      if (!sees || where !== machine) return false;
      return (await readProcess(Number(pid)))?.started !== started;
    },
  };
}

/** One boot of one machine and one of its pid namespaces; `undefined` where the kernel does not say. */
async function nameMachine(): Promise<string | undefined> {
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const namespace = await readlink("/proc/self/ns/pid");
    return createHash("sha256").update(`${boot}${namespace}`).digest("hex").slice(0, 16);
  } catch {
    return undefined; // not Linux, or /proc is hidden: then only age tells
  }
}
