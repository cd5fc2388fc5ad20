import { linkTo } from "../artifacts/link.ts";
import { claimLink } from "../artifacts/link-claim.ts";
import { ARTIFACT_TYPES, type ManifestArtifact, manifestEntry, manifestText } from "../artifacts/manifest.ts";
import { sourceOf } from "../artifacts/text.ts";
import { isoTime } from "../collection.ts";
import { DomainError } from "../errors.ts";
import type { Image } from "../images/image.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import { type AgentFinish, IMAGE_PARTS, type ImagePart, partKey } from "./agent-messages.ts";
import type { Job } from "./job.ts";
import { endJob } from "./job-endings.ts";
import { provenanceOf } from "./provenance.ts";
import { succeeded } from "./transitions.ts";

const REQUIRED: readonly ImagePart[] = ["rootfs", "kernel", "initrd"];

/**
 * Turns a job's uploads into an image: every object is checked against what the agent measured, the manifest is
 * written, and image record, link and the job's success are one commit. Until then no client sees any of it.
 */
export async function finishImage(
  ports: CorePorts,
  settings: Settings,
  job: Job,
  message: AgentFinish,
): Promise<void> {
  const entries = await checkUploads(ports, settings, job, message);
  const now = ports.clock.now();
  const id = job.planned_image_id;
  const address = { bucket: settings.buckets.images, key: `${id}/manifest.json` };
  const { serviceVersion } = settings;
  const { builder, agent } = message;
  const provenance = provenanceOf(job, { builder, agent, serviceVersion, now });
  const body = new TextEncoder().encode(manifestText(entries, now, provenance));
  const manifest = await ports.artifacts.write(address, sourceOf(body), {
    contentType: "application/json",
    metadata: { "x-shasta-ims-image-id": id, "x-shasta-ims-job-id": job.id },
  });
  const link = linkTo(manifest, manifest.etag);
  const image: Image = {
    id,
    created: isoTime(now),
    name: job.image_root_archive_name,
    link,
    arch: job.arch,
    metadata: {},
    provenance,
  };
  await endJob(ports, settings, job.id, (current) => succeeded(current, id, now), [
    { op: "insert", kind: "image", id, value: image },
    await claimLink(ports, { kind: "image", id }, link),
  ]);
}

async function checkUploads(
  ports: CorePorts,
  settings: Settings,
  job: Job,
  message: AgentFinish,
): Promise<ManifestArtifact[]> {
  const missing = REQUIRED.filter((part) => !message.artifacts.some((artifact) => artifact.part === part));
  if (missing.length > 0) throw new DomainError("invalid", `The image lacks its ${missing.join(", ")}.`);
  const entries: ManifestArtifact[] = [];
  for (const part of IMAGE_PARTS) {
    const sent = message.artifacts.find((artifact) => artifact.part === part);
    if (sent === undefined) continue;
    const key = partKey(job.planned_image_id, part);
    const info = await ports.artifacts.stat({ bucket: settings.buckets.images, key });
    if (info === undefined || differs(info, sent))
      throw new DomainError("invalid", `The stored ${part} is not what the agent sent.`);
    entries.push(manifestEntry(ARTIFACT_TYPES[part], info, sent.md5));
  }
  return entries;
}

function differs(info: ArtifactInfo, sent: AgentFinish["artifacts"][number]): boolean {
  return (
    info.size !== sent.size ||
    (info.md5 !== undefined && info.md5 !== sent.md5) ||
    (info.sha256 !== undefined && info.sha256 !== sent.sha256)
  );
}
