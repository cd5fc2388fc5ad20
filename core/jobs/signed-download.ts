import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import type { Download } from "./plan.ts";

/** A download of an object that agents may make, with what is known of its content; an unknown digest is left out. */
export async function signedDownload(
  { artifacts }: CorePorts,
  settings: Settings,
  info: ArtifactInfo,
  { md5, sha256 }: { readonly md5: string | undefined; readonly sha256: string | undefined },
): Promise<Download> {
  const { url } = await artifacts.signUrl("GET", info, settings.jobs.signedUrlSeconds);
  const digests = { ...(md5 === undefined ? {} : { md5 }), ...(sha256 === undefined ? {} : { sha256 }) };
  return { url, size: info.size, ...digests };
}
