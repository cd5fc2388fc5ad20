import { readControl } from "./groups.ts";

/** What the kernel counted in a job's groups. */
export interface MemoryUse {
  /** Programs that it killed because memory ran out, the job's or the machine's. */
  readonly kills: number;
  readonly peakBytes?: number;
}

/** `undefined` when none of these groups counts memory. */
export async function memoryUse(folders: readonly string[]): Promise<MemoryUse | undefined> {
  for (const folder of folders) {
    const use = await readUse(folder, "memory.events", "memory.peak");
    const either = use ?? (await readUse(folder, "memory.oom_control", "memory.max_usage_in_bytes"));
    if (either !== undefined) return either;
  }
  return undefined;
}

async function readUse(folder: string, events: string, peak: string): Promise<MemoryUse | undefined> {
  const kills = /^oom_kill (\d+)$/mu.exec((await readControl(folder, events)) ?? "")?.[1];
  if (kills === undefined) return undefined;
  const bytes = await readControl(folder, peak);
  return { kills: Number(kills), ...(bytes === undefined ? {} : { peakBytes: Number(bytes) }) };
}
