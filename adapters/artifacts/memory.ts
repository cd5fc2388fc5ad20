import { createHash } from "node:crypto";
import type { ArtifactAddress, ArtifactInfo, Artifacts, WriteOptions } from "../../core/ports/artifacts.ts";
import type { SignedUrlVerifier } from "../../core/ports/signed-urls.ts";
import { checkAddress, checkBucket, checkText } from "./address.ts";
import { bytesToRead, checkContent, checkSizeSoFar, sameContent, takenAlready } from "./expectations.ts";
import { checkMetadata } from "./metadata.ts";
import { createSignedUrls, type SignedUrlsConfig } from "./files/signed-url.ts";

interface StoredObject {
  readonly info: ArtifactInfo;
  readonly bytes: Uint8Array;
}

type Objects = Map<string, StoredObject>;

const CHUNK_BYTES = 64 * 1024;

/** Objects in memory, for tests. What `write` took is gone with the process. */
export function createMemoryArtifacts(config: SignedUrlsConfig): Artifacts & SignedUrlVerifier {
  const objects: Objects = new Map();
  return {
    ...createSignedUrls(config),
    stat: async (address) => objects.get(placeOf(address))?.info,
    async read(address, range) {
      const object = objects.get(placeOf(address));
      if (object === undefined) return undefined;
      const { start, end } = bytesToRead(object.info, range);
      return { info: object.info, body: inChunks(object.bytes.subarray(start, end + 1)) };
    },
    write: (address, source, options = {}) => write(objects, config.clock, address, source, options),
    async move(from, to) {
      const [source, target] = [placeOf(from), placeOf(to)];
      const object = objects.get(source);
      if (object === undefined) return undefined;
      const info = { ...object.info, bucket: to.bucket, key: to.key };
      objects.delete(source);
      objects.set(target, { info, bytes: object.bytes });
      return info;
    },
    async remove(address) {
      objects.delete(placeOf(address));
    },
    async *list(bucket, prefix) {
      checkBucket(bucket);
      checkText(prefix);
      const found = [...objects.values()].map(({ info }) => info);
      const wanted = found.filter((info) => info.bucket === bucket && info.key.startsWith(prefix));
      yield* wanted.sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    check: async () => undefined,
  };
}

async function write(
  objects: Objects,
  clock: SignedUrlsConfig["clock"],
  address: ArtifactAddress,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ArtifactInfo> {
  const place = placeOf(address);
  const metadata = checkMetadata(options.metadata ?? {});
  const { bytes, content } = await gather(source, options);
  const existing = options.keepExisting === true ? objects.get(place) : undefined;
  if (existing !== undefined) {
    if (!sameContent(existing.info, content)) throw takenAlready();
    return existing.info;
  }
  const info = {
    bucket: address.bucket,
    key: address.key,
    ...content,
    etag: options.etag ?? content.md5,
    contentType: options.contentType ?? "application/octet-stream",
    metadata,
    modified: new Date(clock.now()).toISOString(),
  };
  objects.set(place, { info, bytes });
  return info;
}

function placeOf(address: ArtifactAddress): string {
  checkAddress(address);
  return `${address.bucket}/${address.key}`;
}

async function gather(source: AsyncIterable<Uint8Array>, options: WriteOptions) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    checkSizeSoFar(size, options);
    chunks.push(Uint8Array.from(chunk)); // the source may use its buffer again
  }
  const bytes = Buffer.concat(chunks);
  const digest = (name: string): string => createHash(name).update(bytes).digest("hex");
  const content = { size, md5: digest("md5"), sha256: digest("sha256") };
  checkContent(content, options);
  return { bytes, content };
}

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    yield Uint8Array.from(bytes.subarray(at, at + CHUNK_BYTES));
}
