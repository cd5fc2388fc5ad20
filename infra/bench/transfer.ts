import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { randomFillSync } from "node:crypto";
import { answered, end, median, peakMemory, run, seconds } from "./measure.ts";

const MIB = 1024 * 1024;
const ROUNDS = 5;
const PORT = 19_431;
const URL_BASE = `http://127.0.0.1:${PORT}`;

/** Upload and download of a large archive through the API on local files, against `cp` and `sync` on the same disk. */
export async function benchTransfer(root: string, scratch: string, megabytes = 2048) {
  const folder = mkdtempSync(path.join(scratch, "ims-bench-transfer-"));
  const file = path.join(folder, "source");
  const env = {
    // As infra/run.mjs starts it.
    NODE_COMPILE_CACHE: path.join(root, "node_modules/.cache/node-compile"),
    PATH: process.env["PATH"],
    IMS_PORT: String(PORT),
    IMS_DATA: path.join(folder, "data"),
    IMS_MAX_ARCHIVE_BYTES: String(2 ** 40),
  };
  const server = spawn(process.execPath, [path.join(root, "functions/runtime/node.ts")], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    await answered(`${URL_BASE}/healthz/ready`);
    await fill(file, megabytes);
    const rounds = { copy: new Array<number>(), up: new Array<number>(), down: new Array<number>() };
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.copy.push(await seconds(() => copyAndSync(file, path.join(folder, "copy"))));
      rmSync(path.join(folder, "copy"));
      const id = await newRecipe();
      rounds.up.push(await seconds(() => upload(id, file)));
      rounds.down.push(await seconds(() => download(id, path.join(folder, "copy"))));
      // For good, and the copy too: on fresh memory, which a virtual machine has to ask its host for, both take much longer.
      await fetch(`${URL_BASE}/v2/recipes/${id}`, { method: "DELETE" });
      rmSync(path.join(folder, "copy"));
    }
    const [copy, up, down] = [median(rounds.copy), median(rounds.up), median(rounds.down)];
    const peakMiB = peakMemory(server.pid ?? 0);
    return {
      megabytes,
      copySeconds: copy,
      uploadSeconds: up,
      downloadSeconds: down,
      uploadRatio: copy / up,
      downloadRatio: copy / down,
      serverPeakMiB: peakMiB,
    };
  } finally {
    await end(server);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes that no disk can compress away. */
async function fill(file: string, megabytes: number): Promise<void> {
  const handle = await open(file, "w");
  const block = Buffer.alloc(MIB);
  for (let n = 0; n < megabytes; n += 1) {
    if (n % 64 === 0) randomFillSync(block);
    block.writeUInt32LE(n);
    await handle.write(block);
  }
  await handle.sync();
  await handle.close();
}

async function copyAndSync(from: string, to: string): Promise<void> {
  await run("cp", [from, to]);
  await run("sync", [to]);
}

async function newRecipe(): Promise<string> {
  const body = JSON.stringify({ name: "bench", recipe_type: "kiwi-ng", linux_distribution: "sles15" });
  const response = await fetch(`${URL_BASE}/v3/recipes`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  const record: unknown = await response.json();
  if (typeof record === "object" && record !== null && "id" in record) return String(record.id);
  throw new Error("The service did not make a recipe.");
}

/** By curl, because a client in JavaScript would be most of what is measured. */
async function upload(id: string, file: string): Promise<void> {
  await run("curl", ["--silent", "--fail", "--output", "/dev/null", "--upload-file", file, archiveOf(id)]);
}

async function download(id: string, file: string): Promise<void> {
  await run("curl", ["--silent", "--fail", "--output", file, archiveOf(id)]);
  await run("sync", [file]);
}

const archiveOf = (id: string) => `${URL_BASE}/v3/recipes/${id}/archive`;
