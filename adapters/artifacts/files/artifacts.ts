import { mkdir } from "node:fs/promises";
import type {
  ArtifactAddress,
  ArtifactContent,
  ArtifactInfo,
  Artifacts,
  ByteRange,
  WriteOptions,
} from "../../../core/ports/artifacts.ts";
import type { SignedUrlVerifier } from "../../../core/ports/signed-urls.ts";
import { knowOwners } from "../../files/owner.ts";
import { asDomainError } from "../../process/errors.ts";
import { checkText } from "../address.ts";
import { bytesToRead, checkContent, sameContent, takenAlready, type Content } from "../expectations.ts";
import { checkMetadata } from "../metadata.ts";
import { openIncoming, type Incoming } from "./incoming.ts";
import { takeIn } from "./intake.ts";
import { createLayout, DIRECTORY_MODE, type Layout } from "./layout.ts";
import { listKeys } from "./listing.ts";
import { createMd5Thread, type Md5Session } from "./md5.ts";
import * as objects from "./objects.ts";
import { sendOut } from "./outgo.ts";
import { createSignedUrls, type SignedUrlsConfig } from "./signed-url.ts";
import { encodeTrailer, type Description } from "./trailer.ts";

export interface FileArtifactsConfig extends SignedUrlsConfig {
  /** A directory of its own, made when it is missing, on one local file system with hard links. */
  readonly root: string;
}

/**
 * Objects as files of this machine. Any number of processes may use one root at the same time. What a crash leaves is
 * invisible, and `sweepFileArtifacts` removes it.
 */
export function createFileArtifacts(config: FileArtifactsConfig): Artifacts & SignedUrlVerifier {
  const layout = createLayout(config.root);
  const writing = { layout, clock: config.clock, openMd5: createMd5Thread(), owner: once(ownName) };
  return {
    ...createSignedUrls(config),
    stat: (address) => reading(() => stat(layout, address)),
    read: (address, range) => reading(() => read(layout, address, range)),
    write: (address, source, options = {}) => write(writing, address, source, options),
    move: (from, to) => changing(() => move(layout, from, to)),
    remove: (address) =>
      changing(() =>
        objects.removeObject(layout.bucketDirectory(address.bucket), layout.objectFile(address)),
      ),
    list: (bucket, prefix) => list(layout, bucket, prefix),
    check: () => changing(() => tryOut(writing)),
  };
}

interface Writing {
  readonly layout: Layout;
  readonly clock: SignedUrlsConfig["clock"];
  readonly openMd5: () => Md5Session;
  readonly owner: () => Promise<string>;
}

/** As many objects are looked into at once while listing. */
const LIST_BATCH = 16;

async function stat(layout: Layout, address: ArtifactAddress): Promise<ArtifactInfo | undefined> {
  const description = await objects.describeObject(layout.objectFile(address));
  return description && infoOf(address, description);
}

async function read(
  layout: Layout,
  address: ArtifactAddress,
  range: ByteRange | undefined,
): Promise<ArtifactContent | undefined> {
  const object = await objects.openObject(layout.objectFile(address));
  if (object === undefined) return undefined;
  try {
    const info = infoOf(address, object.description);
    return { info, body: sendOut(object.file, bytesToRead(info, range)) };
  } catch (error) {
    await object.file.close();
    throw error;
  }
}

async function write(
  { layout, clock, openMd5, owner }: Writing,
  address: ArtifactAddress,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ArtifactInfo> {
  const target = layout.objectFile(address);
  const metadata = checkMetadata(options.metadata ?? {});
  const incoming = await changing(async () => openIncoming(layout.incoming, await owner()));
  try {
    const content = await takeIn(incoming.file, source, options, openMd5);
    checkContent(content, options);
    const contentType = options.contentType ?? "application/octet-stream";
    const modified = new Date(clock.now()).toISOString();
    const etag = options.etag ?? content.md5;
    const description = { ...content, etag, contentType, metadata, modified };
    return await changing(async () => {
      await complete(incoming, description);
      const keep = options.keepExisting === true;
      const kept = await (keep ? addOnly : replace)(layout.top, incoming.path, target, description);
      return infoOf(address, kept);
    });
  } finally {
    await changing(() => incoming.discard());
  }
}

async function complete({ file }: Incoming, description: Description & { size: number }): Promise<void> {
  const trailer = encodeTrailer(description);
  await file.write(trailer, 0, trailer.length, description.size);
  await file.sync();
}

async function replace(top: string, from: string, to: string, description: Description) {
  if (!(await objects.moveInto(top, from, to))) throw objects.swept();
  return description;
}

/** What is under the address afterwards: an equal object that was there keeps its own metadata. */
async function addOnly(
  top: string,
  from: string,
  to: string,
  description: Description & Content,
): Promise<Description> {
  while (!(await objects.linkInto(top, from, to))) {
    const existing = await objects.describeObject(to);
    if (existing === undefined) continue; // removed just now: the place is free
    if (!sameContent(existing, description)) throw takenAlready();
    return existing;
  }
  return description;
}

async function move(
  layout: Layout,
  from: ArtifactAddress,
  to: ArtifactAddress,
): Promise<ArtifactInfo | undefined> {
  const [source, target] = [layout.objectFile(from), layout.objectFile(to)];
  const description = await objects.describeObject(source);
  if (description === undefined) return undefined;
  if (source !== target) {
    if (!(await objects.moveInto(layout.top, source, target))) return undefined;
    await objects.leaveBehind(layout.bucketDirectory(from.bucket), source);
  }
  return infoOf(to, description);
}

async function* list(layout: Layout, bucket: string, prefix: string): AsyncGenerator<ArtifactInfo> {
  checkText(prefix);
  const directory = layout.bucketDirectory(bucket);
  const keys = await reading(() => listKeys(directory, prefix));
  for (let at = 0; at < keys.length; at += LIST_BATCH) {
    const batch = keys.slice(at, at + LIST_BATCH).map((key) => stat(layout, { bucket, key }));
    const infos = await reading(() => Promise.all(batch));
    yield* infos.filter((info) => info !== undefined);
  }
}

async function tryOut({ layout, owner }: Writing): Promise<void> {
  await mkdir(layout.top, { recursive: true, mode: DIRECTORY_MODE });
  const incoming = await openIncoming(layout.incoming, await owner());
  try {
    await incoming.file.write(Buffer.alloc(4096));
    await incoming.file.sync();
  } finally {
    await incoming.discard();
  }
}

function infoOf({ bucket, key }: ArtifactAddress, description: Description): ArtifactInfo {
  return { bucket, key, ...description };
}

async function ownName(): Promise<string> {
  return (await knowOwners()).self;
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}

async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The object could not be read.");
  }
}

async function changing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The object could not be stored, moved or removed.");
  }
}
