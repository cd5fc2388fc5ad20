import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip, gzipSync } from "node:zlib";
import { DomainError } from "../../../core/errors.ts";
import { asDomainError, isMissing } from "../../process/errors.ts";

/** The archive as it is sent. */
export interface SendableImage {
  readonly file: string;
  /** SHA-256 of the file as it is sent, hex. */
  readonly digest: string;
  readonly size: number;
  readonly packing: "gzip" | "none";
}

const SAMPLE_BYTES = 1024 * 1024;
/** An archive whose layers are compressed already gains less. */
const WORTH_PACKING = 0.9;

/**
 * Makes the archive ready once, and again when the file has changed: compressed into the cache where that gains
 * something.
 * @throws `unavailable` when there is no archive
 */
export function createAgentImage(config: { readonly imageFile: string; readonly cache: string }) {
  let known: { readonly version: string; readonly image: Promise<SendableImage> } | undefined;

  return async (): Promise<SendableImage> => {
    const version = await versionOf(config.imageFile);
    if (known?.version !== version) {
      const image = prepared(config.imageFile, config.cache);
      known = { version, image };
      // One that failed is tried anew by the next.
      image.catch(() => (known = undefined));
    }
    return await known.image;
  };
}

async function versionOf(file: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    if (isMissing(error))
      throw new DomainError("unavailable", "There is no container image of the agent (IMS_SSH_IMAGE).", {
        cause: error,
      });
    throw asDomainError(error, "The container image of the agent (IMS_SSH_IMAGE) cannot be read.");
  }
}

async function prepared(file: string, cache: string): Promise<SendableImage> {
  try {
    const digest = await sha256(file);
    if (!(await isWorthPacking(file)))
      return { file, digest, size: (await stat(file)).size, packing: "none" };
    const packed = join(cache, `${digest}.gz`);
    await mkdir(cache, { recursive: true, mode: 0o700 });
    if (!(await exists(packed))) await pack(file, packed, cache);
    return { file: packed, digest: await sha256(packed), size: (await stat(packed)).size, packing: "gzip" };
  } catch (error) {
    throw asDomainError(error, "The container image of the agent cannot be made ready.");
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: SAMPLE_BYTES }), hash);
  return hash.digest("hex");
}

async function isWorthPacking(file: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const position = Math.max(0, Math.floor(size / 2) - SAMPLE_BYTES / 2);
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(SAMPLE_BYTES), position });
    const sample = buffer.subarray(0, bytesRead);
    return gzipSync(sample, { level: 1 }).length < sample.length * WORTH_PACKING;
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
}

/** What other versions left in the cache goes; others may be packing the same at this moment. */
async function pack(file: string, packed: string, cache: string): Promise<void> {
  const own = `${packed}.${randomUUID()}`;
  await pipeline(createReadStream(file), createGzip({ level: 4 }), createWriteStream(own, { mode: 0o600 }));
  await rename(own, packed);
  for (const name of await readdir(cache))
    if (name.endsWith(".gz") && join(cache, name) !== packed) await rm(join(cache, name), { force: true });
}
