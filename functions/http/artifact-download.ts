import type { ArtifactContent, ArtifactInfo, Artifacts, ByteRange } from "../../core/ports/artifacts.ts";
import { digestHeaders } from "./digest-headers.ts";
import type { Download } from "./endpoint.ts";

/** Of the URL that a client is sent on to: it need only last until the download begins. */
const REDIRECTION_SECONDS = 900;

/** Sends a stored object with its entity tag and digests, or sends whoever asks to the store. */
export function artifactDownload(
  info: ArtifactInfo,
  read: (range: ByteRange | undefined) => Promise<ArtifactContent>,
  artifacts?: Pick<Artifacts, "signUrl">,
): Download {
  return {
    size: info.size,
    etag: info.etag,
    contentType: info.contentType,
    headers: { ...digestHeaders(info), "last-modified": new Date(info.modified).toUTCString() },
    read: async (range) => (await read(range)).body,
    ...(artifacts === undefined
      ? {}
      : { elsewhere: async () => (await artifacts.signUrl("GET", info, REDIRECTION_SECONDS)).url }),
  };
}
