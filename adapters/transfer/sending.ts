import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { Digests } from "../../core/ports/agent-tools.ts";
import { Final } from "./persistence.ts";

/** Large reads: the default of 64 KiB costs more in calls than in copying. */
export const CHUNK_BYTES = 1024 * 1024;
/** Answers whose URL or place is used up: a new target may do. */
export const RENEWED = new Set([401, 403, 404, 409, 412]);
export const MAX_REFUSALS = 3;

export async function digest(file: string, signal: AbortSignal): Promise<Digests> {
  const [md5, sha256] = [createHash("md5"), createHash("sha256")];
  let size = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES, signal })) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.length;
    md5.update(chunk);
    sha256.update(chunk);
  }
  return { size, md5: md5.digest("hex"), sha256: sha256.digest("hex") };
}

export function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

export function refusal(status: number): DomainError {
  if (status === 507) return new DomainError("unavailable", "The service has no space left (HTTP 507).");
  return new DomainError("unavailable", `The service refused it with HTTP ${status}.`);
}

/** What the service answers; of its errors only `unavailable` may pass. */
export async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw isDomainError(error, "unavailable") ? error : new Final(error);
  }
}
