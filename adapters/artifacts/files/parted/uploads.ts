import type { ArtifactInfo } from "../../../../core/ports/artifacts.ts";
import type { PartedUpload, PartReceiver, UploadSessions } from "../../../../core/ports/upload-sessions.ts";
import { asDomainError } from "../../../process/errors.ts";
import { checkMetadata } from "../../metadata.ts";
import { checkContent } from "../../expectations.ts";
import { checkPartNumber, createSignedParts, noSuchUpload, takenNoMore } from "../../signed-part.ts";
import { takeIn } from "../intake.ts";
import { createLayout, type Layout } from "../layout.ts";
import { createMd5Thread, type Md5Session } from "../md5.ts";
import type { SignedUrlsConfig } from "../signed-url.ts";
import { assemble } from "./assemble.ts";
import { claimPlace } from "./claims.ts";
import { createFolder, type Folder, listFolders } from "./folder.ts";
import { createRunningDigests } from "./running-digest.ts";
import { createWriters, endedBy } from "./writers.ts";

export interface FileUploadsConfig extends SignedUrlsConfig {
  /** Of the artifacts. */
  readonly root: string;
}

interface Shared {
  readonly layout: Layout;
  readonly openMd5: () => Md5Session;
  readonly digests: ReturnType<typeof createRunningDigests>;
  readonly writers: ReturnType<typeof createWriters>;
}

/** Uploads in parts beside the objects of this machine. Any number of processes may use one root at the same time. */
export function createFileUploads(config: FileUploadsConfig): UploadSessions & PartReceiver {
  const layout = createLayout(config.root);
  const openMd5 = createMd5Thread();
  const shared = { layout, openMd5, digests: createRunningDigests(openMd5), writers: createWriters() };
  const folderOf = ({ id }: { readonly id: string }) => createFolder(layout.uploads, id);
  const flights = new Map<string, Promise<ArtifactInfo>>();

  return {
    ...createSignedParts(config),
    open: ({ id, address }, { contentType, metadata = {} }) =>
      storing(async () => {
        layout.objectFile(address);
        const opened = config.clock.now();
        await folderOf({ id }).make({ ...address, contentType, metadata: checkMetadata(metadata), opened });
        return id;
      }),
    parts: (upload) =>
      storing(async () => {
        const folder = folderOf(upload);
        if ((await folder.done()) !== undefined) return undefined;
        return (await folder.parts()).map(({ number, size, etag }) => ({ number, size, etag }));
      }),
    /** Callers of one process join: reading a large upload once is enough. */
    async assemble(upload, parts, { expect } = {}) {
      const begun = flights.get(upload.id);
      if (begun !== undefined) return await begun;
      const folder = folderOf(upload);
      const { id, partBytes } = upload;
      const assembly = {
        layout,
        folder,
        partBytes,
        now: config.clock.now(),
        digest: (
          file: Parameters<Shared["digests"]["finish"]>[1],
          all: Parameters<Shared["digests"]["finish"]>[2],
        ) => shared.digests.finish(id, file, all),
        stopWriters: () => shared.writers.stop(id),
      };
      const flight = storing(() => assemble(assembly, parts, expect)).finally(() => flights.delete(id));
      flights.set(id, flight);
      return await flight;
    },
    discard: (upload) =>
      storing(async () => {
        await shared.writers.stop(upload.id);
        await shared.digests.forget(upload.id);
        await folderOf(upload).remove();
      }),
    async *pending(bucket) {
      for await (const { id, facts, opened } of listFolders(layout.uploads))
        if (facts === undefined || facts.bucket === bucket)
          yield { id, address: { bucket, key: facts?.key ?? "" }, handle: id, opened };
    },
    takePart: (upload, number, source, expect) =>
      shared.writers.run(upload.id, (signal) =>
        takePart(shared, folderOf(upload), { upload, number, source: endedBy(source, signal), expect }),
      ),
  };
}

interface Coming {
  readonly upload: PartedUpload;
  readonly number: number;
  readonly source: AsyncIterable<Uint8Array>;
  readonly expect: Parameters<PartReceiver["takePart"]>[3];
}

async function takePart({ openMd5, digests }: Shared, folder: Folder, coming: Coming) {
  const { number, source, expect } = coming;
  const { partBytes } = coming.upload;
  checkPartNumber(number);
  await storing(() => requireOpen(folder));
  const place = await storing(() => claimPlace(folder, number, partBytes));
  let kept = false;
  try {
    const options = { maxBytes: partBytes, ...(expect === undefined ? {} : { expect }) };
    const { size, md5, sha256 } = await takeIn(place.file, source, options, openMd5, place.start);
    checkContent({ size, md5, sha256 }, options);
    const { spare } = place;
    await storing(async () => {
      await place.file.sync();
      await folder.keepPart(number, { size, etag: md5, ...(spare === undefined ? {} : { spare }) });
    });
    kept = true;
    return { number, size, etag: md5, md5, sha256 };
  } finally {
    await storing(() => place.over(kept));
    if (kept) digests.advance(folder, partBytes);
  }
}

async function requireOpen(folder: Folder): Promise<void> {
  if (await folder.takesParts()) return;
  throw (await folder.exists()) ? takenNoMore() : noSuchUpload();
}

async function storing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asDomainError(error, "The upload could not be stored, read or removed.");
  }
}
