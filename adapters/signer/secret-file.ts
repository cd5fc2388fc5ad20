import { randomBytes, randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import { link, mkdir, open, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { DomainError } from "../../core/errors.ts";
import { syncDirectory } from "../files/durable.ts";
import { asDomainError, codeOf } from "../process/errors.ts";
import { LEAST_SECRET_BYTES } from "./hmac.ts";

const MOST_SECRET_BYTES = 4096;

/**
 * The service's secret: all bytes of the file. Without a file one of 32 random bytes is made, mode 0600; processes that
 * start at the same time agree on one.
 * @throws `unavailable` when others can read the file, or it holds fewer than 32 bytes (or more than 4,096).
 */
export async function loadOrCreateSecret(file: string): Promise<Uint8Array> {
  try {
    return (
      (await load(file)) ?? (await create(file)) ?? (await load(file)) ?? refuse("was removed meanwhile")
    );
  } catch (error) {
    throw asDomainError(error, "The service's secret cannot be read or made.");
  }
}

async function load(file: string): Promise<Uint8Array | undefined> {
  const handle = await openExisting(file);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    check(stats);
    const secret = await handle.readFile();
    return Uint8Array.from(secret);
  } finally {
    await handle.close();
  }
}

async function openExisting(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function check(stats: Stats): void {
  if (!stats.isFile()) refuse("is not a regular file");
  // A secret that an orchestrator mounts belongs to root and is lent to the service through its group.
  const lentByRoot = stats.uid === 0 && process.getuid?.() !== 0;
  const forbidden = lentByRoot ? 0o037 : 0o077;
  if ((stats.mode & forbidden) !== 0) refuse("can be read or changed by others: set its mode to 0600");
  if (stats.size < LEAST_SECRET_BYTES) refuse(`is too short: it needs ${LEAST_SECRET_BYTES} bytes or more`);
  if (stats.size > MOST_SECRET_BYTES) refuse(`is too long: at most ${MOST_SECRET_BYTES} bytes`);
}

function refuse(why: string): never {
  throw new DomainError("unavailable", `The file of the service's secret ${why}.`);
}

/** `undefined`: another process was first. The link, unlike a rename, never replaces its secret. */
async function create(file: string): Promise<Uint8Array | undefined> {
  const secret = randomBytes(LEAST_SECRET_BYTES);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}.new`;
  try {
    await writeSynced(draft, secret);
    await link(draft, file);
    return Uint8Array.from(secret);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  } finally {
    await unlink(draft).catch(unlessMissing);
    await syncDirectory(path.dirname(file));
  }
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessMissing(error: unknown): void {
  if (codeOf(error) !== "ENOENT") throw error;
}
