import { GetObjectCommand, type GetObjectCommandOutput } from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "../../../core/errors.ts";
import type { ArtifactAddress, ArtifactContent, ByteRange } from "../../../core/ports/artifacts.ts";
import { checkAddress } from "../address.ts";
import { bytesToRead } from "../expectations.ts";
import { isS3, storeError } from "./calls.ts";
import type { S3 } from "./client.ts";
import { describe, placeOf, stat } from "./objects.ts";

const ABSENT = ["NoSuchKey", "NoSuchBucket"];
/** A peer that breaks off again and again without a byte in between is given up. */
const MOST_BREAKS = 8;
const LONGEST_PAUSE_MS = 3000;

/** One request; another one where the range does not fit, to tell why. */
export async function read(
  s3: S3,
  address: ArtifactAddress,
  range: ByteRange | undefined,
): Promise<ArtifactContent | undefined> {
  checkAddress(address);
  const opened = canBeAsked(range) ? await open(s3, address, range) : "unfit";
  if (opened === undefined) return undefined;
  if (opened === "unfit") return await refuseRange(s3, address, range);
  const body = bodyOf(opened);
  try {
    const size = sizeOf(opened);
    const info = await describe(s3, address, opened, size);
    const { start, end } = bytesToRead(info, range);
    return { info, body: untilWhole({ s3, address, etag: opened.ETag ?? "" }, body, start, end) };
  } catch (error) {
    body.destroy();
    throw error;
  }
}

const canBeAsked = (range: ByteRange | undefined): boolean =>
  range === undefined ||
  (Number.isSafeInteger(range.start) &&
    Number.isSafeInteger(range.end) &&
    range.start >= 0 &&
    range.start <= range.end);

async function open(
  { client, calls }: S3,
  address: ArtifactAddress,
  range: ByteRange | undefined,
  etag?: string,
): Promise<GetObjectCommandOutput | "unfit" | undefined> {
  const command = new GetObjectCommand({
    ...placeOf(address),
    ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
    ...(etag === undefined ? {} : { IfMatch: etag }),
  });
  try {
    const expected = [...ABSENT, "InvalidRange", "PreconditionFailed"];
    return await calls((signal) => client.send(command, signal), { expected });
  } catch (error) {
    if (isS3(error, "InvalidRange")) return "unfit";
    if (ABSENT.some((name) => isS3(error, name)) || isS3(error, "PreconditionFailed")) return undefined;
    throw error;
  }
}

async function refuseRange(
  s3: S3,
  address: ArtifactAddress,
  range: ByteRange | undefined,
): Promise<undefined> {
  const info = await stat(s3, address);
  if (info === undefined) return undefined;
  bytesToRead(info, range);
  throw new DomainError("range-not-satisfiable", `The object has ${info.size} bytes.`);
}

/** Of the whole object, of which the answer may have a part. */
function sizeOf({ ContentRange, ContentLength }: GetObjectCommandOutput): number {
  const whole = /\/(\d+)$/u.exec(ContentRange ?? "")?.[1];
  return Number(whole ?? ContentLength ?? 0);
}

function bodyOf({ Body }: GetObjectCommandOutput): Readable {
  if (!(Body instanceof Readable)) throw new DomainError("unavailable", "The object store sent no content.");
  // It may break while nobody reads it yet; who reads it then learns of it.
  Body.on("error", () => undefined);
  return Body;
}

interface Source {
  readonly s3: S3;
  readonly address: ArtifactAddress;
  readonly etag: string;
}

/** The bytes from `start` to `end`. Where a connection breaks, another one goes on from there with the same object. */
async function* untilWhole(
  source: Source,
  first: Readable,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let [body, at, breaks] = [first, start, 0];
  try {
    for (;;) {
      let failure: unknown = new Error("It ended early.");
      try {
        for await (const chunk of body) {
          if (!(chunk instanceof Uint8Array)) continue;
          at += chunk.length;
          breaks = 0;
          yield chunk;
        }
      } catch (error) {
        failure = error;
      }
      if (at > end) return;
      breaks += 1;
      if (breaks > MOST_BREAKS) throw storeError(failure);
      await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 25 * 2 ** breaks));
      body.destroy();
      body = await reopen(source, { start: at, end }, failure);
    }
  } finally {
    body.destroy();
  }
}

async function reopen({ s3, address, etag }: Source, range: ByteRange, cause: unknown): Promise<Readable> {
  const opened = await open(s3, address, range, etag);
  if (opened === undefined || opened === "unfit")
    throw new DomainError(
      "unavailable",
      "The connection to the object store broke, and the object has been replaced or removed since.",
      { cause },
    );
  return bodyOf(opened);
}
