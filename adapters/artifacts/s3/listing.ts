import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { ArtifactInfo } from "../../../core/ports/artifacts.ts";
import { checkBucket, checkText } from "../address.ts";
import { isS3 } from "./calls.ts";
import type { S3 } from "./client.ts";
import { stat } from "./objects.ts";

/** As many objects are looked into at once. */
const BATCH = 32;

export async function* list(s3: S3, bucket: string, prefix: string): AsyncGenerator<ArtifactInfo> {
  checkBucket(bucket);
  checkText(prefix);
  for await (const keys of inBatches(inUtf16Order(keysOf(s3, bucket, prefix)))) {
    const infos = await Promise.all(keys.map((key) => stat(s3, { bucket, key })));
    yield* infos.filter((info) => info !== undefined);
  }
}

/** In the order of S3, which is that of UTF-8. None in a bucket that is not there. */
async function* keysOf({ client, calls }: S3, bucket: string, prefix: string): AsyncGenerator<string> {
  let after: string | undefined;
  do {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      // Not every text can be in XML.
      EncodingType: "url",
      ...(after === undefined ? {} : { ContinuationToken: after }),
    });
    try {
      const page = await calls((signal) => client.send(command, signal), { expected: ["NoSuchBucket"] });
      for (const { Key } of page.Contents ?? [])
        if (Key !== undefined) yield decodeKey(Key, page.EncodingType);
      after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } catch (error) {
      if (!isS3(error, "NoSuchBucket")) throw error;
      return;
    }
  } while (after !== undefined);
}

/** What cannot have been encoded stays as it is. */
export function decodeKey(key: string, encoding: string | undefined): string {
  if (encoding !== "url") return key;
  try {
    return decodeURIComponent(key.replaceAll("+", "%20"));
  } catch {
    return key;
  }
}

/**
 * Code points beyond U+FFFF come before those from U+E000 on in UTF-16, and after them in UTF-8. A key with one of the
 * latter waits until all that begin as it does before that one have come.
 */
export async function* inUtf16Order(keys: AsyncIterable<string>): AsyncGenerator<string> {
  let waiting: string[] = [];
  let shared = "";
  for await (const key of keys) {
    if (waiting.length > 0 && !key.startsWith(shared)) {
      yield* sorted(waiting);
      waiting = [];
    }
    const at = waiting.length > 0 ? shared.length : key.search(/[\uE000-\uFFFF]/u);
    if (at < 0) yield key;
    else {
      shared = key.slice(0, at);
      waiting.push(key);
    }
  }
  yield* sorted(waiting);
}

const sorted = (keys: readonly string[]): string[] => [...keys].sort((a, b) => (a < b ? -1 : 1));

async function* inBatches(keys: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const key of keys) {
    batch.push(key);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
