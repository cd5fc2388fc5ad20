import type { ArtifactContent, ArtifactInfo, ByteRange } from "../../core/ports/artifacts.ts";
import { digestHeaders } from "./digest-headers.ts";
import type { Download } from "./endpoint.ts";

/** Sends a stored object with its entity tag and digests. */
export function artifactDownload(
  info: ArtifactInfo,
  read: (range: ByteRange | undefined) => Promise<ArtifactContent>,
): Download {
  return {
    size: info.size,
    etag: info.etag,
    contentType: info.contentType,
    headers: { ...digestHeaders(info), "last-modified": new Date(info.modified).toUTCString() },
    read: async (range) => (await read(range)).body,
  };
}
