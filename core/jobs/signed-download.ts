import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import type { Download } from "./plan.ts";

/**
 * A download of an object that agents may make, with what is known of its content. An unknown digest is left out, and an
 * MD5 that says no more than the SHA-256 beside it: the store counted both of the same bytes.
 */
export async function signedDownload(
  { artifacts }: CorePorts,
  settings: Settings,
  info: ArtifactInfo,
  { md5, sha256 }: { readonly md5: string | undefined; readonly sha256: string | undefined },
): Promise<Download> {
  const { url } = await artifacts.signUrl("GET", info, settings.jobs.signedUrlSeconds);
  const isSaid = sha256 !== undefined && sha256 === info.sha256 && md5 === info.md5;
  const digests = {
    ...(md5 === undefined || isSaid ? {} : { md5 }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
  return { url, size: info.size, ...digests };
}
