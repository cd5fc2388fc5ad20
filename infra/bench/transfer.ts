import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { randomFillSync } from "node:crypto";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { keepingFreedMemory } from "./fresh-memory.ts";
import { answered, end, median, peakMemory, run, seconds } from "./measure.ts";

const MIB = 1024 * 1024;
const ROUNDS = 5;
const PORT = 19_431;
const FETCH_TO_FILE = fileURLToPath(new URL("./fetch-to-file.ts", import.meta.url));
const URL_BASE = `http://127.0.0.1:${PORT}`;

/**
 * Upload and download of a large archive through the API on local files, against `cp` and `sync` on the same disk, and
 * against `cp` and `sync` with both digests by `openssl`, all three at once: what an upload does, by hand.
 */
export async function benchTransfer(root: string, scratch: string, megabytes = 2048) {
  return await keepingFreedMemory(() => measureTransfer(root, scratch, megabytes));
}

async function measureTransfer(root: string, scratch: string, megabytes: number) {
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
    const rounds = [];
    for (let number = 0; number < ROUNDS; number += 1)
      rounds.push(await measureRound(file, path.join(folder, "copy")));
    return { megabytes, ...summary(rounds), serverPeakMiB: peakMemory(server.pid ?? 0) };
  } finally {
    await end(server);
    rmSync(folder, { recursive: true, force: true });
  }
}

type Round = Awaited<ReturnType<typeof measureRound>>;

async function measureRound(file: string, copy: string) {
  const copying = await seconds(() => copyAndSync(file, copy));
  rmSync(copy);
  const byHand = await seconds(() =>
    Promise.all([copyAndSync(file, copy), digest("md5", file), digest("sha256", file)]),
  );
  rmSync(copy);
  const md5 = await seconds(() => digest("md5", file));
  const id = await newRecipe();
  const up = await seconds(() => upload(id, file));
  const down = await seconds(() => download(id, copy));
  await fetch(`${URL_BASE}/v2/recipes/${id}`, { method: "DELETE" });
  rmSync(copy);
  return { copying, byHand, md5, up, down };
}

function summary(rounds: readonly Round[]) {
  const of = (part: keyof Round): number => median(rounds.map((round) => round[part]));
  return {
    copySeconds: of("copying"),
    copyWithDigestsSeconds: of("byHand"),
    md5AloneSeconds: of("md5"),
    uploadSeconds: of("up"),
    downloadSeconds: of("down"),
    uploadRatio: of("copying") / of("up"),
    uploadRatioWithDigests: of("byHand") / of("up"),
    downloadRatio: of("copying") / of("down"),
  };
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

async function digest(algorithm: "md5" | "sha256", file: string): Promise<void> {
  await run("openssl", ["dgst", `-${algorithm}`, file]);
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

async function upload(id: string, file: string): Promise<void> {
  await run("curl", ["--silent", "--fail", "--output", "/dev/null", "--upload-file", file, archiveOf(id)]);
}

async function download(id: string, file: string): Promise<void> {
  await run(process.execPath, [FETCH_TO_FILE, archiveOf(id), file]);
  await run("sync", [file]);
}

const archiveOf = (id: string) => `${URL_BASE}/v3/recipes/${id}/archive`;
