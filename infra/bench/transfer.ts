import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { randomFillSync } from "node:crypto";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { startService } from "./api/service.ts";
import { keepingFreedMemory } from "./fresh-memory.ts";
import { median, peakMemory, run, seconds } from "./measure.ts";

const MIB = 1024 * 1024;
const ROUNDS = 5;
const FETCH_TO_FILE = fileURLToPath(new URL("./fetch-to-file.ts", import.meta.url));

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
  const more = { IMS_MAX_ARCHIVE_BYTES: String(2 ** 40) };
  const server = await startService(root, path.join(folder, "data"), more);
  const base = `http://127.0.0.1:${server.port}`;
  try {
    await fill(file, megabytes);
    const rounds = [];
    for (let number = 0; number < ROUNDS; number += 1)
      rounds.push(await measureRound(base, file, path.join(folder, "copy")));
    return { megabytes, ...summary(rounds), serverPeakMiB: peakMemory(server.pid) };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Round = Awaited<ReturnType<typeof measureRound>>;

async function measureRound(base: string, file: string, copy: string) {
  const copying = await seconds(() => copyAndSync(file, copy));
  rmSync(copy);
  const byHand = await seconds(() =>
    Promise.all([copyAndSync(file, copy), digest("md5", file), digest("sha256", file)]),
  );
  rmSync(copy);
  const md5 = await seconds(() => digest("md5", file));
  const id = await newRecipe(base);
  const up = await seconds(() => upload(base, id, file));
  const down = await seconds(() => download(base, id, copy));
  await fetch(`${base}/v2/recipes/${id}`, { method: "DELETE" });
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

async function newRecipe(base: string): Promise<string> {
  const body = JSON.stringify({ name: "bench", recipe_type: "kiwi-ng", linux_distribution: "sles15" });
  const response = await fetch(`${base}/v3/recipes`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  const record: unknown = await response.json();
  if (typeof record === "object" && record !== null && "id" in record) return String(record.id);
  throw new Error("The service did not make a recipe.");
}

async function upload(base: string, id: string, file: string): Promise<void> {
  await run("curl", [
    "--silent",
    "--fail",
    "--output",
    "/dev/null",
    "--upload-file",
    file,
    archiveOf(base, id),
  ]);
}

async function download(base: string, id: string, file: string): Promise<void> {
  await run(process.execPath, [FETCH_TO_FILE, archiveOf(base, id), file]);
  await run("sync", [file]);
}

const archiveOf = (base: string, id: string) => `${base}/v3/recipes/${id}/archive`;
