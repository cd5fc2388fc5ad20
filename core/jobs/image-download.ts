import { findKept } from "../artifacts/journal.ts";
import { addressOf, linkTo } from "../artifacts/link.ts";
import { type ManifestArtifact, readManifest, ROOTFS_TYPE } from "../artifacts/manifest.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { Settings } from "../settings.ts";
import type { Job } from "./job.ts";
import type { Download } from "./plan.ts";
import { signedDownload } from "./signed-download.ts";

/**
 * Where the agent fetches the rootfs of the image that the job customizes, and how it knows that it got it whole. The
 * image's record may have been deleted meanwhile: its objects are then in the trash. @throws `invalid` when they are gone.
 */
export async function imageDownload(ports: CorePorts, settings: Settings, job: Job): Promise<Download> {
  await ports.journals.settle(job.artifact_id);
  const entry = await findRootfs(ports, job);
  const info = await findKept(ports.artifacts, addressOf(entry.link));
  if (info === undefined) throw gone(entry.link.path);
  const digests = { md5: declaredMd5(info, entry), sha256: info.sha256 };
  return await signedDownload(ports, settings, info, digests);
}

async function findRootfs({ artifacts }: CorePorts, job: Job): Promise<ManifestArtifact> {
  const { path } = job.source.link;
  const info = await findKept(artifacts, addressOf(job.source.link));
  const manifest = info === undefined ? undefined : await readManifest(artifacts, linkTo(info, info.etag));
  const rootfs = manifest?.artifacts.find(({ type }) => type.startsWith(ROOTFS_TYPE));
  if (rootfs === undefined) throw gone(path);
  return rootfs;
}

/** What whoever made the image said of its rootfs comes before what the store counted. */
function declaredMd5(info: ArtifactInfo, entry: ManifestArtifact): string | undefined {
  const said = [info.metadata["md5sum"], entry.md5].map((md5) => md5?.toLowerCase());
  return said.find((md5) => md5 !== undefined && /^[0-9a-f]{32}$/u.test(md5)) ?? info.md5;
}

function gone(path: string): DomainError {
  return new DomainError("invalid", `The image's ${path} is gone or cannot be used.`);
}
