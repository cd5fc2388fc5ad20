import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createApiClient } from "../../adapters/api/client.ts";
import { jobPoster } from "./job-poster.ts";
import { answered, end } from "./measure.ts";

const PORT = 19_433;
const URL_BASE = `http://127.0.0.1:${PORT}`;
const FOLLOWERS = 50;
const SECONDS = 40;
const SETTLING_SECONDS = 3;
const MIB = 1024 * 1024;
/** An hour's log of 100 MiB, at its own pace. */
const BYTES_PER_SECOND = (100 * MIB) / 3600;
const CLOCK_TICKS = 100;

/** Stands in for kiwi: prints lines of 100 bytes, each with the time at which it was printed, at a build's pace. */
const BUILD = `#!${process.execPath}
if (process.argv.includes("--version")) { console.log("KIWI (next generation) version 11.0.0"); process.exit(); }
const rest = " ".padEnd(80, "x");
const began = Date.now();
let printed = 0;
setInterval(() => {
  for (const due = (Date.now() - began) / 1000 * ${BYTES_PER_SECOND}; printed < due; printed += 98)
    process.stdout.write("t=" + Date.now() + "." + rest + "\\n");
}, 7);
`;

/**
 * A line's way from the build that prints it to those who follow the job, through agent and service; and what the
 * service itself costs meanwhile, as the time of one core for 100 MiB of log in an hour.
 */
export async function benchLogs(root: string, scratch: string) {
  const folder = mkdtempSync(path.join(scratch, "ims-bench-logs-"));
  const build = path.join(folder, "kiwi-ng");
  writeFileSync(build, BUILD);
  chmodSync(build, 0o755);
  const server = spawn(process.execPath, [path.join(root, "functions/runtime/node.ts")], {
    env: {
      PATH: process.env["PATH"],
      IMS_PORT: String(PORT),
      IMS_DATA: path.join(folder, "data"),
      IMS_KIWI: build,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await answered(`${URL_BASE}/healthz/ready`);
    const api = createApiClient({ url: URL_BASE });
    const job = await startJob(api, folder);
    const many = await measure(server.pid ?? 0, job, FOLLOWERS);
    const one = await measure(server.pid ?? 0, job, 1);
    const none = await measure(server.pid ?? 0, job, 0);
    await api.cancelJob(job);
    return {
      followers: FOLLOWERS,
      lines: many.latencies.length / FOLLOWERS,
      latencyP50Ms: percentile(many.latencies, 50),
      latencyP99Ms: percentile(many.latencies, 99),
      latencyMaxMs: percentile(many.latencies, 100),
      cpuSecondsFollowedBy50: many.cpuSeconds,
      cpuSecondsFollowedBy1: one.cpuSeconds,
      cpuSecondsFollowedBy0: none.cpuSeconds,
      coreShareFollowedBy50: many.cpuSeconds / 3600,
      coreShareFollowedBy1: one.cpuSeconds / 3600,
      coreShareFollowedBy0: none.cpuSeconds / 3600,
    };
  } finally {
    await end(server);
    await sleep(SETTLING_SECONDS * 1000);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startJob(api: ReturnType<typeof createApiClient>, folder: string): Promise<string> {
  const id = await (await jobPoster(api, folder))();
  while ((await api.getJob(id)).status !== "building_image") await sleep(100);
  return id;
}

/** `cpuSeconds`: of the service, for as much log as an hour brings. */
async function measure(pid: number, job: string, followers: number) {
  const latencies: number[] = [];
  const stop = new AbortController();
  const all = Array.from({ length: followers }, () => follow(URL_BASE, job, latencies, stop.signal));
  await sleep(SETTLING_SECONDS * 1000);
  latencies.length = 0;
  const before = cpuSeconds(pid);
  await sleep(SECONDS * 1000);
  const used = cpuSeconds(pid) - before;
  const measured = latencies.slice();
  stop.abort();
  await Promise.all(all);
  return { latencies: measured, cpuSeconds: (used / SECONDS) * 3600 };
}

/** Milliseconds that each line of a job took which prints its times, as a follower sees it, in so many seconds. */
export async function followed(url: string, job: string, seconds: number): Promise<number[]> {
  const latencies: number[] = [];
  const stop = new AbortController();
  const following = follow(url, job, latencies, stop.signal);
  await sleep(SETTLING_SECONDS * 1000);
  latencies.length = 0;
  await sleep(seconds * 1000);
  stop.abort();
  await following;
  return latencies;
}

async function follow(url: string, job: string, latencies: number[], signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    const { body } = await fetch(`${url}/v3/jobs/${job}/log?follow=1`, { signal });
    for await (const chunk of body ?? []) {
      const now = Date.now();
      const text = rest + decoder.decode(chunk, { stream: true });
      for (const [, printed] of text.matchAll(/t=(\d{13})\./gu)) latencies.push(now - Number(printed));
      // A time that is cut in two belongs to the next chunk.
      rest = /t=\d{0,13}$|t$/u.exec(text)?.[0] ?? "";
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What a process has used of the processor so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/u, "").split(" ");
  return (Number(fields[12]) + Number(fields[13])) / CLOCK_TICKS;
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
