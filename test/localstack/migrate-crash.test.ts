import { expect, it } from "vitest";
import { contentsOf, ims, type StoreEnv, withStore } from "../support/backup-stores.ts";
import { killedAfter, largeStore } from "../support/ims-process.ts";
import { envFile, localTwin, remoteStore } from "../support/migrations.ts";

/** Moves, killed later each time, until one comes to its end. How many states of the store were seen. */
async function moveThroughKills(from: StoreEnv, to: StoreEnv): Promise<number> {
  const words = ["migrate", "--from", await envFile(from)];
  const steps = new Set<string>();
  for (let milliseconds = 800; !(await killedAfter(milliseconds, to, words)); milliseconds *= 1.3) {
    const { objects, kinds } = await withStore(to, contentsOf);
    steps.add(`${objects.length} ${JSON.stringify(kinds).length}`);
  }
  return steps.size;
}

it(
  "a move whose process is killed is finished by the same command, to DynamoDB and S3 and back",
  { timeout: 600_000 },
  async () => {
    const remote = await remoteStore();
    const local = await largeStore(await localTwin(remote), 200);
    const contents = await withStore(local, contentsOf);
    const back = await localTwin(remote);
    for (const [from, to] of [
      [local, remote],
      [remote, back],
    ] as const) {
      // It was killed in the middle of several things.
      expect(await moveThroughKills(from, to)).toBeGreaterThan(1);
      const { exitCode, said } = await ims(to, "migrate", "--from", await envFile(from));
      expect([exitCode, said.at(-1)]).toEqual([0, expect.stringMatching(/ 0 objects, 0 logs$/u)]);
      expect(await withStore(to, contentsOf)).toEqual(contents);
    }
  },
);
