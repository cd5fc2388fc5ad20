import { readFileSync, writeFileSync } from "node:fs";

const PARAMETER = "/sys/module/page_reporting/parameters/page_reporting_order";
/** Larger than any block of memory there is: none is reported. */
const NEVER = "11";

/**
 * Runs the work while this virtual machine keeps the memory that it frees. Otherwise the host takes it back within
 * moments, and whoever uses it next pays for getting it again: up to 2.7 s per GiB, for `cp` as for the service, by
 * chance the one or the other. Needs root; where it can't be had, or isn't needed, the work just runs.
 */
export async function keepingFreedMemory<T>(work: () => Promise<T>): Promise<T> {
  const before = change(NEVER);
  try {
    return await work();
  } finally {
    if (before !== undefined) change(before);
  }
}

/** What was set before; `undefined`: nothing was changed. */
function change(value: string): string | undefined {
  try {
    const before = readFileSync(PARAMETER, "utf8").trim();
    writeFileSync(PARAMETER, value);
    return before;
  } catch {
    return undefined;
  }
}
