import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { emptyStore, fillStore, type StoreEnv, withStore } from "./backup-stores.ts";
import { insertClaim, insertImage } from "./records-values.ts";

export const IMS_MAIN = path.join(import.meta.dirname, "../../functions/cli/main.ts");

/** Puts so much into a store (by default an empty one) that bringing it elsewhere takes a while. */
export async function largeStore(env?: StoreEnv, records = 2000): Promise<StoreEnv> {
  const store = env ?? (await emptyStore());
  await withStore(store, async (ports) => {
    await fillStore(ports, 3_000_000);
    for (let at = 0; at < records; at += 100)
      await ports.records.commit(
        Array.from({ length: 50 }, (_, n) => [insertImage(`i${at + n}`), insertClaim(`c${at + n}`)]).flat(),
      );
  });
  return store;
}

/** Runs `ims` with these words, for so long at most. Whether it had ended by itself before it was killed. */
export async function killedAfter(
  milliseconds: number,
  store: StoreEnv,
  words: readonly string[],
): Promise<boolean> {
  const child = spawn(process.execPath, [IMS_MAIN, ...words], {
    env: { PATH: process.env["PATH"], ...store },
    stdio: "ignore",
  });
  const exit = once(child, "exit");
  const end = await Promise.race([exit, sleep(milliseconds)]);
  child.kill("SIGKILL");
  await exit;
  return end !== undefined;
}
