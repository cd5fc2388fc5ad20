import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile, chmod, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import type { CommandResult } from "../../core/ports/commands.ts";

const SCRIPT = join(import.meta.dirname, "../../infra/run.mjs");
const LIMIT = 60_000;

const PACKAGE = { name: "sample", version: "1.0.0", dependencies: { greeter: "file:./greeter" } };
const LOCK = {
  name: "sample",
  version: "1.0.0",
  lockfileVersion: 3,
  requires: true,
  packages: {
    "": PACKAGE,
    greeter: { version: "1.0.0", bin: { greet: "greet.js" } },
    "node_modules/greeter": { resolved: "greeter", link: true },
  },
};

/** A project of our kind whose one dependency lies in it, so that npm needs no registry. */
async function makeProject(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "ims-run-"));
  await mkdir(join(root, "infra"));
  await mkdir(join(root, "greeter"));
  await copyFile(SCRIPT, join(root, "infra/run.mjs"));
  await writeFile(join(root, "package.json"), JSON.stringify(PACKAGE));
  await writeFile(join(root, "package-lock.json"), JSON.stringify(LOCK));
  const greeter = { name: "greeter", version: "1.0.0", bin: { greet: "greet.js" } };
  await writeFile(join(root, "greeter/package.json"), JSON.stringify(greeter));
  const script = `#!/usr/bin/env node\nconsole.log("hello", process.argv.slice(2).join(","));\n`;
  await writeFile(join(root, "greeter/greet.js"), script);
  await chmod(join(root, "greeter/greet.js"), 0o755);
  return root;
}

let root = "";
let npmFolder = "";

/** Stands before the real npm and takes note of each call. */
async function countNpm(): Promise<void> {
  npmFolder = join(root, "npm-counter");
  await mkdir(npmFolder);
  const path = plainEnvironment(process.env)["PATH"] ?? "";
  const script = `#!/bin/sh\necho "$*" >> ${npmFolder}/calls\nPATH='${path}' exec npm "$@"\n`;
  await writeFile(join(npmFolder, "npm"), script);
  await chmod(join(npmFolder, "npm"), 0o755);
}

async function npmCalls(): Promise<number> {
  const text = await readFile(join(npmFolder, "calls"), "utf8").catch(() => "");
  return text.split("\n").length - 1;
}

function start(args: readonly string[], onLine: (line: string) => void = () => undefined) {
  const env = plainEnvironment(process.env);
  const run = createRunCommand({ env: { ...env, PATH: `${npmFolder}:${env["PATH"] ?? ""}` } });
  const signal = AbortSignal.timeout(LIMIT);
  return run({ file: process.execPath, args: ["infra/run.mjs", ...args], cwd: root, onLine, signal });
}

const output = (result: CommandResult) => result.tail.join("\n");

beforeEach(async () => {
  root = await makeProject();
  await countNpm();
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("run.mjs", () => {
  it("installs the dependencies of a fresh clone, says so, and runs a program that one of them brought", async () => {
    const result = await start(["greet", "you", "--there"]);
    expect(output(result)).toContain("Installing the dependencies with npm ci");
    expect(output(result)).toContain("hello you,--there");
    expect(result.exitCode).toBe(0);
  });

  it("leaves dependencies alone that are current", async () => {
    await start(["greet"]);
    const result = await start(["greet"]);
    expect(result.tail).toEqual(["hello "]);
    expect(await npmCalls()).toBe(1);
  });

  it("takes what somebody installed with npm itself for what it is", async () => {
    await start(["greet"]);
    await rm(join(root, "node_modules/.lock-digest"));
    const result = await start(["greet"]);
    expect(result.tail).toEqual(["hello "]);
    expect(await npmCalls()).toBe(1);
  });

  it("installs anew when the lock has changed", async () => {
    await start(["greet"]);
    const packages = { ...LOCK.packages, "node_modules/greeter": { version: "2.0.0" } };
    await writeFile(join(root, "package-lock.json"), JSON.stringify({ ...LOCK, packages }));
    await start(["greet"]);
    expect(await npmCalls()).toBe(2);
  });

  it("installs anew when an install was interrupted", async () => {
    await mkdir(join(root, "node_modules/greeter"), { recursive: true });
    const result = await start(["greet"]);
    expect(output(result)).toContain("hello");
    expect(await npmCalls()).toBe(1);
  });

  it("installs once when several are started together", async () => {
    const results = await Promise.all([start(["greet", "a"]), start(["greet", "b"]), start(["greet", "c"])]);
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(results.map((result) => result.tail.at(-1))).toEqual(["hello a", "hello b", "hello c"]);
    expect(await npmCalls()).toBe(1);
  });

  it("stops with npm's exit code when the install fails, and runs nothing", async () => {
    await writeFile(join(npmFolder, "npm"), "#!/bin/sh\necho no network\nexit 6\n");
    const result = await start(["greet"]);
    expect(result.exitCode).toBe(6);
    expect(output(result)).toContain("no network");
    expect(output(result)).not.toContain("hello");
  });

  it("runs a script of ours with its arguments and passes its exit code on", async () => {
    await writeFile(
      join(root, "ours.ts"),
      "const n: number = 7;\nconsole.log(process.argv[2]);\nprocess.exit(n);\n",
    );
    const result = await start(["ours.ts", "two words"]);
    expect(result.tail.at(-1)).toBe("two words");
    expect(result.exitCode).toBe(7);
  });

  it("passes SIGTERM on and waits for the program to end", async () => {
    const script = `
      process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(3); }, 200));
      setInterval(() => undefined, 1000);
      console.log("parent", process.ppid);`;
    await writeFile(join(root, "slow.mjs"), script);
    const parent = Promise.withResolvers<number>();
    const running = start(["slow.mjs"], (line) => {
      if (line.startsWith("parent ")) parent.resolve(Number(line.slice(7)));
    });
    process.kill(await parent.promise, "SIGTERM");
    const result = await running;
    expect(result.tail.at(-1)).toBe("finished");
    expect(result.exitCode).toBe(3);
  });

  it("answers as a shell would when a signal ended the program", async () => {
    await writeFile(join(root, "dies.mjs"), `process.kill(process.pid, "SIGKILL");`);
    expect((await start(["dies.mjs"])).exitCode).toBe(137);
  });

  it("leaves no lock behind when it is killed in the middle of an install", async () => {
    await writeFile(join(npmFolder, "npm"), `#!/bin/sh\necho started >> ${npmFolder}/calls\nsleep 60\n`);
    const stop = new AbortController();
    const env = { ...plainEnvironment(process.env) };
    const run = createRunCommand({ env: { ...env, PATH: `${npmFolder}:${env["PATH"] ?? ""}` }, grace: 0 });
    const killed = run({
      file: process.execPath,
      args: ["infra/run.mjs", "greet"],
      cwd: root,
      signal: stop.signal,
    });
    while ((await npmCalls()) === 0) await delay(20);
    stop.abort(new Error("killed"));
    await expect(killed).rejects.toThrow("killed");
    await rm(npmFolder, { recursive: true });
    await countNpm();
    expect((await start(["greet"])).exitCode).toBe(0);
  });

  it("says which program it does not find", async () => {
    const result = await start(["nosuch"]);
    expect(output(result)).toContain("No dependency brings a program named nosuch.");
    expect(result.exitCode).toBe(1);
  });

  it("puts the stamp among what git ignores", async () => {
    await start(["greet"]);
    expect((await readdir(root)).sort()).toEqual(
      ["greeter", "infra", "node_modules", "npm-counter", "package-lock.json", "package.json"].sort(),
    );
  });
});
