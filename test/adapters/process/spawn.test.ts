import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readProcess } from "../../../adapters/process/process-table.ts";
import { createRunCommand } from "../../../adapters/process/spawn.ts";
import type { RunCommandConfig } from "../../../adapters/process/spawn.ts";

const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" };
const run = (config: Partial<RunCommandConfig> = {}) => createRunCommand({ env, ...config });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "spawn-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await delay(10);
  }
}

/** Resolves with the pid that a script wrote into the file. */
function pidIn(file: string): Promise<number> {
  return until(async () => {
    const text = await readFile(file, "utf8").catch(() => "");
    return text.endsWith("\n") ? Number(text) : undefined;
  });
}

async function gone(pid: number): Promise<boolean> {
  return until(async () => ((await readProcess(pid)) === undefined ? true : undefined));
}

describe("running a program", () => {
  it("answers its exit code and the lines of both outputs", async () => {
    const seen: string[] = [];
    const result = await run()({
      file: "sh",
      args: ["-c", "echo out; sleep 0.1; echo err >&2; exit 3"],
      onLine: (line) => seen.push(line),
    });
    expect(result).toEqual({ exitCode: 3, tail: ["out", "err"] });
    expect(seen).toEqual(["out", "err"]);
  });

  it("names the signal that ended it", async () => {
    const result = await run()({ file: "sh", args: ["-c", "kill -KILL $$"] });
    expect(result).toMatchObject({ exitCode: 137, signal: "SIGKILL" });
  });

  it("hands arguments on as they are, whatever a shell would make of them", async () => {
    const { tail } = await run()({ file: "printf", args: ["%s\\n", "$(id); `x` 'y' *", "b c"] });
    expect(tail).toEqual(["$(id); `x` 'y' *", "b c"]);
  });

  it("says that there is no such program", async () => {
    await expect(run()({ file: "no-such-program", args: [] })).rejects.toMatchObject({
      code: "not-found",
      message: "There is no program no-such-program on this machine.",
    });
  });

  it("does not take a missing working folder for a missing program", async () => {
    await expect(run()({ file: "true", args: [], cwd: join(folder, "none") })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("says that a file cannot be started", async () => {
    await expect(run()({ file: "/etc/passwd", args: [] })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("gives the program the fixed environment and what the command adds, nothing else", async () => {
    process.env["NOT_FOR_CHILDREN"] = "secret";
    onTestFinished(() => {
      delete process.env["NOT_FOR_CHILDREN"];
    });
    const { tail } = await run()({ file: "env", args: [], env: { MORE: "1" } });
    expect([...tail].sort()).toEqual(["LC_ALL=C.UTF-8", "MORE=1", `PATH=${env.PATH}`]);
  });

  it("feeds its input, and an empty one when there is none", async () => {
    expect((await run()({ file: "cat", args: [], input: "a\nb\n" })).tail).toEqual(["a", "b"]);
    expect((await run()({ file: "cat", args: [] })).tail).toEqual([]);
  });

  it("does not mind a program that ends without reading a large input", async () => {
    const result = await run()({ file: "true", args: [], input: "x".repeat(1_000_000) });
    expect(result.exitCode).toBe(0);
  });

  it("starts it with no signal ignored or blocked, whatever this process was started with", async () => {
    const program = `
      const { createRunCommand } = await import(${JSON.stringify(import.meta.resolve("../../../adapters/process/spawn.ts"))});
      const run = createRunCommand({ env: {}, onLine: (line) => console.log(line) });
      await run({ file: "/bin/cat", args: ["/proc/self/status"] });`;
    const { tail } = await run()({
      file: "sh",
      args: ["-c", `trap '' CHLD PIPE HUP; exec "$@"`, "sh", process.execPath, "--eval", program],
    });
    expect(tail.filter((line) => /^Sig(?:Ign|Blk):/u.test(line))).toEqual([
      "SigBlk:\t0000000000000000",
      "SigIgn:\t0000000000000000",
    ]);
  });

  it("keeps the last 50 lines of an output of any length", async () => {
    let count = 0;
    const { tail } = await run()({ file: "seq", args: ["200000"], onLine: () => (count += 1) });
    expect(count).toBe(200_000);
    expect(tail).toHaveLength(50);
    expect(tail.at(-1)).toBe("200000");
  });

  it("logs lines unless the command is quiet, and never the passing states of a progress bar", async () => {
    const logged: string[] = [];
    const seen: string[] = [];
    const logging = run({ onLine: (line) => logged.push(line) });
    await logging({ file: "echo", args: ["quiet"], quiet: true });
    const args = ["10%%\\r100%%\\n"];
    const { tail } = await logging({ file: "printf", args, onLine: (line) => seen.push(line) });
    expect(logged).toEqual(["100%"]);
    expect(tail).toEqual(["100%"]);
    expect(seen).toEqual(["10%", "100%"]);
  });

  it("ends with what a listener throws, and ends the program", async () => {
    const failing = run()({
      file: "sh",
      args: ["-c", `echo $$ > ${folder}/pid; echo line; exec sleep 60`],
      onLine: () => {
        throw new Error("cannot take this");
      },
    });
    await expect(failing).rejects.toThrow("cannot take this");
    expect(await gone(await pidIn(join(folder, "pid")))).toBe(true);
  });

  it("does not start anything when it was aborted before", async () => {
    const signal = AbortSignal.abort(new Error("cancelled"));
    await expect(run()({ file: "touch", args: [join(folder, "x")], signal })).rejects.toThrow("cancelled");
    await expect(readFile(join(folder, "x"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("ending a program", () => {
  it("ends it with its children when aborted, also those that ignore SIGTERM", async () => {
    const abort = new AbortController();
    const script = `trap '' TERM; (trap '' TERM; sleep 60) & echo $! > ${folder}/child; echo $$ > ${folder}/pid; wait`;
    const running = run({ grace: 100 })({ file: "sh", args: ["-c", script], signal: abort.signal });
    const pid = await pidIn(join(folder, "pid"));
    const child = await pidIn(join(folder, "child"));
    abort.abort(new Error("cancelled"));
    await expect(running).rejects.toThrow("cancelled");
    expect(await gone(pid)).toBe(true);
    expect(await gone(child)).toBe(true);
  });

  it("lets it end orderly after SIGTERM", async () => {
    const abort = new AbortController();
    const script = `trap 'echo tidy > ${folder}/tidy; exit 0' TERM; echo $$ > ${folder}/pid; while :; do sleep 0.05; done`;
    const running = run({ grace: 30_000 })({ file: "sh", args: ["-c", script], signal: abort.signal });
    await pidIn(join(folder, "pid"));
    abort.abort(new Error("cancelled"));
    await expect(running).rejects.toThrow("cancelled");
    expect(await readFile(join(folder, "tidy"), "utf8")).toBe("tidy\n");
  });

  it("kills what the program left running in its group", async () => {
    const result = await run()({ file: "sh", args: ["-c", `sleep 60 & echo $! > ${folder}/child`] });
    expect(result.exitCode).toBe(0);
    expect(await gone(await pidIn(join(folder, "child")))).toBe(true);
  });

  it("does not wait for a daemon that keeps the outputs open", async () => {
    const script = `setsid sh -c 'echo $$ > ${folder}/daemon; exec sleep 60' & while ! [ -s ${folder}/daemon ]; do sleep 0.01; done; echo done`;
    const { tail } = await run()({ file: "sh", args: ["-c", script] });
    expect(tail).toEqual(["done"]);
    process.kill(await pidIn(join(folder, "daemon")), "SIGKILL");
  });
});
