import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listProcesses } from "../../adapters/process/process-table.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { mountPointsBelow } from "../../adapters/process/mounts.ts";

const MAIN = join(import.meta.dirname, "../../functions/cli/main.ts");
const LIMIT_MS = 25 * 60_000;
const CLEAN_LIMIT_MS = 60_000;

const run = createRunCommand({ env: plainEnvironment(process.env), grace: 120_000 });
let data = "";

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "ims-demo-"));
});
afterEach(() => rm(data, { recursive: true, force: true }));

/** What of the demo is still there: processes that name its folder or live in it, and mounts below it. */
async function leftovers(): Promise<readonly string[]> {
  const processes = (await listProcesses()).filter(
    ({ environment, folders }) =>
      environment.some((one) => one.includes(data)) || folders.some((one) => one.startsWith(data)),
  );
  const mounts = mountPointsBelow(await readFile("/proc/self/mountinfo", "utf8"), data);
  return [...processes.map(({ pid }) => `process ${pid}`), ...mounts];
}

function demo(words: readonly string[], onLine: (line: string) => void, signal?: AbortSignal) {
  const limit = AbortSignal.timeout(LIMIT_MS);
  return run({
    file: process.execPath,
    args: [MAIN, "demo", "--data", data, ...words],
    onLine,
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
}

describe("the demo", () => {
  it("cancels its job when it is interrupted in the middle of the build, and leaves nothing behind", async () => {
    const lines: string[] = [];
    const stop = new AbortController();
    const interrupted = demo(
      [],
      (line) => {
        lines.push(line);
        // kiwi is really at work by now
        if (/building_image \|/u.test(line)) stop.abort(new Error("interrupted"));
      },
      stop.signal,
    );
    await expect(interrupted).rejects.toThrow("interrupted");
    const text = lines.join("\n");
    expect(text).toContain("The job is cancelled and nothing of it is left.");
    expect(text).toContain("nothing is left running");
    const deadline = performance.now() + CLEAN_LIMIT_MS;
    while ((await leftovers()).length > 0 && performance.now() < deadline) await delay(200);
    expect(await leftovers()).toEqual([]);
  });

  it("says which mirror option to use when an address makes no sense", async () => {
    const lines: string[] = [];
    const { exitCode } = await demo(["--mirror", "nonsense"], (line) => lines.push(line));
    expect(exitCode).toBe(2);
    expect(lines.join("\n")).toContain("--mirror is not an http or https address");
  });
});
