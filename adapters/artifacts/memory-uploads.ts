import { createHash } from "node:crypto";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../../core/ports/artifacts.ts";
import type {
  OpenOptions,
  PartReceiver,
  StoredPart,
  UploadSessions,
} from "../../core/ports/upload-sessions.ts";
import { checkAddress } from "./address.ts";
import { checkContent, checkSizeSoFar } from "./expectations.ts";
import type { SignedUrlsConfig } from "./files/signed-url.ts";
import { createSignedParts, noSuchUpload, partsChanged, sameParts, takenNoMore } from "./signed-part.ts";

interface Session {
  readonly address: ArtifactAddress;
  readonly options: OpenOptions;
  readonly opened: number;
  readonly parts: Map<number, StoredPart & { readonly bytes: Uint8Array }>;
  assembled?: Promise<ArtifactInfo>;
}

export interface MemoryUploadsConfig extends SignedUrlsConfig {
  /** Where what was assembled goes. */
  readonly artifacts: Artifacts;
}

/** Uploads in parts in memory, for tests. */
export function createMemoryUploads(config: MemoryUploadsConfig): UploadSessions & PartReceiver {
  const { artifacts, clock } = config;
  const sessions = new Map<string, Session>();
  const find = ({ id }: { readonly id: string }): Session => {
    const session = sessions.get(id);
    if (session === undefined) throw noSuchUpload();
    return session;
  };
  return {
    ...createSignedParts(config),
    async open({ id, address }, options) {
      checkAddress(address);
      if (!sessions.has(id)) sessions.set(id, { address, options, opened: clock.now(), parts: new Map() });
      return id;
    },
    async parts(upload) {
      const session = find(upload);
      return session.assembled === undefined ? listed(session) : undefined;
    },
    async assemble(upload, parts, { expect = {} } = {}) {
      const session = find(upload);
      if (session.assembled === undefined && parts !== undefined && !sameParts(parts, listed(session)))
        throw partsChanged();
      return await (session.assembled ??= artifacts.write(session.address, bytesOf(session), {
        ...session.options,
        expect,
      }));
    },
    async discard({ id }) {
      sessions.delete(id);
    },
    async *pending(bucket) {
      for (const [id, { address, opened }] of sessions)
        if (address.bucket === bucket) yield { id, address, handle: id, opened };
    },
    async takePart(upload, number, source, expect = {}) {
      find(upload);
      const { bytes, md5, sha256 } = await gather(source, upload.partBytes, expect);
      const part = { number, size: bytes.length, etag: md5 };
      const session = find(upload);
      if (session.assembled !== undefined) throw takenNoMore();
      session.parts.set(number, { ...part, bytes });
      return { ...part, md5, sha256 };
    },
  };
}

function listed({ parts }: Session): StoredPart[] {
  const all = [...parts.values()].sort((a, b) => a.number - b.number);
  return all.map(({ number, size, etag }) => ({ number, size, etag }));
}

async function* bytesOf({ parts }: Session): AsyncGenerator<Uint8Array> {
  for (const [, { bytes }] of [...parts].sort(([a], [b]) => a - b)) yield bytes;
}

async function gather(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  expect: NonNullable<Parameters<typeof checkContent>[1]["expect"]>,
) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    checkSizeSoFar(size, { maxBytes, expect });
    chunks.push(Uint8Array.from(chunk)); // the source may use its buffer again
  }
  const bytes = Buffer.concat(chunks);
  const digest = (name: string): string => createHash(name).update(bytes).digest("hex");
  const content = { size, md5: digest("md5"), sha256: digest("sha256") };
  checkContent(content, { expect });
  return { bytes, ...content };
}
