import { setTimeout as sleep } from "node:timers/promises";
import { isBusy, storeError } from "./sqlite-errors.ts";

const PATIENCE_MS = 5000;

/**
 * Runs a step on this thread, which must never wait for a lock: when the store is locked it is run again a little
 * later, for up to 5 seconds. Readers hardly ever meet one: another process is making the store, recovers its log after
 * a crash, or is the last to close it.
 * @throws `unavailable` or `storage-full` for any failure
 */
export async function patiently<T>(path: string, step: () => T): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return step();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw storeError(error, path);
    }
    await sleep(5);
  }
}
