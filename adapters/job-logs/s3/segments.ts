import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { DomainError } from "../../../core/errors.ts";
import { isS3 } from "../../artifacts/s3/calls.ts";
import type { S3 } from "../../artifacts/s3/client.ts";
import { type Segment, placeOf } from "./layout.ts";

export interface SegmentContent {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** What the object must be for a write to be done: as it was read, or not there. */
export type Condition = { readonly is: string } | { readonly is: undefined };

/** The objects that logs are made of. All throw as `Calls` does. */
export interface Segments {
  /** Whatever begins with the prefix and is named as a segment. */
  list(prefix: string): Promise<Segment[]>;
  /** First parts of all keys, up to a slash. */
  folders(): AsyncIterable<string>;
  /** Bytes from `start`, at most `length` of them; `undefined` when the object is gone or has none there. */
  read(key: string, start?: number, length?: number): Promise<SegmentContent | undefined>;
  /** The new ETag; `undefined` when the object is not what the condition says: nothing is written then. */
  write(key: string, bytes: Uint8Array, condition: Condition): Promise<string | undefined>;
  /** From the end, a few at once: what a crash leaves is the beginning. */
  remove(keys: readonly string[]): Promise<void>;
}

const REMOVED_AT_ONCE = 16;
const TEXT = "text/plain; charset=utf-8";

export function createSegments({ client, calls }: S3, bucket: string): Segments {
  const pages = createPages({ client, calls }, bucket);

  return {
    async list(prefix) {
      const found: Segment[] = [];
      for await (const { Contents = [] } of pages({ Prefix: prefix }))
        for (const { Key: key = "", Size: size = 0, ETag: etag = "" } of Contents) {
          const place = placeOf(key);
          if (place !== undefined) found.push({ key, ...place, size, etag });
        }
      return found;
    },

    async *folders() {
      for await (const { CommonPrefixes = [] } of pages({ Delimiter: "/" }))
        for (const { Prefix = "" } of CommonPrefixes) yield Prefix.slice(0, -1);
    },

    read: (key, start, length) =>
      unless(["NoSuchKey", "InvalidRange"], async (expected) => {
        const Range = start === undefined ? undefined : `bytes=${start}-${start + (length ?? 1) - 1}`;
        const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range });
        // The body is read in the call, so that one that breaks off is asked for again.
        return await calls(
          async (signal) => {
            const { Body, ETag } = await client.send(command, signal);
            if (Body === undefined || ETag === undefined) throw incomplete();
            return { bytes: await Body.transformToByteArray(), etag: ETag };
          },
          { expected },
        );
      }),

    write: (key, bytes, { is }) =>
      unless(["PreconditionFailed", "NoSuchKey"], async (expected) => {
        const condition = is === undefined ? { IfNoneMatch: "*" } : { IfMatch: is };
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ContentType: TEXT,
          ...condition,
        });
        const { ETag } = await calls((signal) => client.send(command, signal), { expected });
        if (ETag === undefined) throw incomplete();
        return ETag;
      }),

    async remove(keys) {
      const remove = async (key: string) => {
        const command = new DeleteObjectCommand({ Bucket: bucket, Key: key });
        await calls((signal) => client.send(command, signal));
      };
      for (let end = keys.length; end > 0; end -= REMOVED_AT_ONCE)
        await Promise.all(keys.slice(Math.max(0, end - REMOVED_AT_ONCE), end).map(remove));
    },
  };
}

function createPages({ client, calls }: S3, bucket: string) {
  return async function* pages(query: { Prefix?: string; Delimiter?: string }) {
    let after: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: bucket, ...query, ContinuationToken: after });
      const page = await calls((signal) => client.send(command, signal));
      yield page;
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (after !== undefined);
  };
}

/** `undefined` when S3 answers with one of these words. */
async function unless<T>(
  words: readonly string[],
  work: (words: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work(words);
  } catch (error) {
    if (words.some((word) => isS3(error, word))) return undefined;
    throw error;
  }
}

function incomplete(): DomainError {
  return new DomainError("unavailable", "The object store's answer lacks what it should have.");
}
