import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { answered, end, run } from "./measure.ts";

const PORT = 19_432;
const URL_BASE = `http://127.0.0.1:${PORT}`;

const Jobs = v.tuple([
  v.object({
    id: v.string(),
    status: v.literal("success"),
    created: v.string(),
    progress: v.object({ phases: v.array(v.object({ ended: v.string() })) }),
  }),
]);

/** What of a real build job is neither kiwi nor mksquashfs: the demo's own road, timed by the job's record and log. */
export async function benchJob(root: string, scratch: string) {
  const data = mkdtempSync(path.join(scratch, "ims-bench-job-"));
  try {
    await run(process.execPath, [path.join(root, "functions/cli/main.ts"), "demo", "--data", data]);
    return await readJob(root, data);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function readJob(root: string, data: string) {
  const env = { PATH: process.env["PATH"], IMS_PORT: String(PORT), IMS_DATA: data };
  const server = spawn(process.execPath, [path.join(root, "functions/runtime/node.ts")], {
    env,
    stdio: "ignore",
  });
  try {
    await answered(`${URL_BASE}/healthz/ready`);
    const [job] = v.parse(Jobs, await (await fetch(`${URL_BASE}/v3/jobs`)).json());
    const log = await (await fetch(`${URL_BASE}/v3/jobs/${job.id}/log`)).text();
    const ended = job.progress.phases.at(-1)?.ended ?? "";
    const whole = (Date.parse(ended) - Date.parse(job.created)) / 1000;
    const kiwi = stepSeconds(log, "build-with-kiwi");
    const mksquashfs = stepSeconds(log, "pack-rootfs");
    const overhead = whole - kiwi - mksquashfs;
    return {
      wholeSeconds: whole,
      kiwiSeconds: kiwi,
      mksquashfsSeconds: mksquashfs,
      overheadSeconds: overhead,
      overheadRatio: overhead / whole,
    };
  } finally {
    await end(server);
  }
}

/** How long a step of a job took, as its log tells. */
export function stepSeconds(log: string, step: string): number {
  const found = new RegExp(`^step ${step} took ([\\d.]+) s$`, "mu").exec(log)?.[1];
  if (found === undefined) throw new Error(`The log does not tell how long ${step} took.`);
  return Number(found);
}
