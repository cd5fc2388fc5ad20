import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { killGroups, removeGroups } from "../../adapters/cgroups/groups.ts";
import { findJobGroups } from "../../adapters/cgroups/job-groups.ts";
import { documented } from "./api-contract.ts";
import { freePort } from "../../adapters/process/free-port.ts";

const root = path.join(import.meta.dirname, "../..");
const standIns = path.join(root, "test/fixtures/stand-ins");

/** Asks again until `probe` answers something; the error after the limit says what was asked for last. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`After ${seconds} s still not: ${what}`);
    await sleep(50);
  }
}

/** Processes that carry this text in their environment or arguments. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => ["environ", "cmdline"].some((file) => contains(`/proc/${pid}/${file}`, text)))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself a moment ago.
  }
}

function contains(file: string, text: string): boolean {
  try {
    return readFileSync(file, "utf8").includes(text);
  } catch {
    return false;
  }
}

const namesIn = (folder: string) => readdir(folder).catch(() => []);

function backingFiles(): string[] {
  const devices = readdirSync("/sys/block").filter((name) => name.startsWith("loop"));
  return devices.flatMap((name) => {
    const file = `/sys/block/${name}/loop/backing_file`;
    return existsSync(file) ? [readFileSync(file, "utf8").trim()] : [];
  });
}

/** Control groups of the jobs that have notes, and the notes, which go after the groups. */
async function groupsOf(notes: string): Promise<string[]> {
  const names = await namesIn(notes);
  const ours = await findJobGroups();
  const groups = names.flatMap((name) => ours.foldersOf(`ims-job-${name.replace(/\..*/u, "")}`));
  return [...names, ...groups.filter((folder) => existsSync(folder))];
}

/**
 * The real service as a process of its own, from source or bundled, with stand-ins for the build tools, on storage that
 * goes with the test; `PATH` and `IMS_DATA` change both.
 */
export async function startService(
  env: Record<string, string> = {},
  program = path.join(root, "functions/runtime/node.ts"),
) {
  const data = env["IMS_DATA"] ?? (await mkdtemp(path.join(tmpdir(), "ims-service-")));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let output = "";

  async function start(): Promise<void> {
    child = spawn(process.execPath, [program], {
      cwd: root,
      env: { PATH: `${standIns}:${process.env["PATH"]}`, IMS_PORT: String(port), IMS_DATA: data, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (chunk) => (output += String(chunk)));
    child.stderr?.on("data", (chunk) => (output += String(chunk)));
    const starting = child;
    await until("the service answers", async () => {
      if (starting.exitCode !== null) throw new Error(`It ended with exit code ${starting.exitCode}.`);
      const alive = await fetch(`${url}/healthz/ready`).catch(() => undefined);
      return alive?.ok === true ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`The service does not start. Its last words: ${output.slice(-2000)}`, { cause: error });
    });
  }

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const running = child;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null)
      return running?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => {
      running.once("exit", (code) => resolve(code));
    });
    running.kill(signal);
    return await ended;
  }

  onTestFinished(async () => {
    await end("SIGKILL");
    const groups = (await groupsOf(path.join(data, "work/.agents"))).filter((name) => name.startsWith("/"));
    await killGroups(groups);
    processesWith(data).forEach(killIfThere);
    await removeGroups(groups);
    if (env["IMS_DATA"] === undefined) await rm(data, { recursive: true, force: true });
  });
  await start();
  return {
    url,
    data,
    /** Every answer is held to the description of the API. */
    fetch: (path: string, init?: RequestInit) => documented(path, init, fetch(url + path, init)),
    start,
    end,
    output: () => output,
    /** What is left of jobs on this machine. */
    leftovers: async () => ({
      processes: processesWith(`${data}/work`),
      folders: [
        ...(await namesIn(path.join(data, "work"))),
        ...(await namesIn(path.join(data, "work/.trash"))),
      ].filter((name) => !name.startsWith(".")),
      loopDevices: backingFiles().filter((file) => file.startsWith(data)),
      groups: await groupsOf(path.join(data, "work/.agents")),
      mounts: readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter((line) => line.includes(data)),
    }),
  };
}
export type ServiceProcess = Awaited<ReturnType<typeof startService>>;
