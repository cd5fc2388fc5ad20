import type { CorePorts } from "../core-ports.ts";
import type { ArtifactAddress } from "../ports/artifacts.ts";
import type { Stored } from "../ports/records.ts";
import type { SignedPart, StoredPart } from "../ports/upload-sessions.ts";
import type { Settings } from "../settings.ts";
import { type AgentUploads, createAgentUploads, type SentContent } from "../uploads/agent-uploads.ts";
import { type ImagePart, partKey, type UploadTarget } from "./agent-messages.ts";
import type { AgentIdentity } from "./agent-tokens.ts";
import type { Job } from "./job.ts";

/** Where an agent's artifacts go. */
export interface UploadTargets {
  /** `size` in bytes decides whether it comes in one piece or in parts. */
  readonly uploadTarget: (agent: AgentIdentity, part: ImagePart, size?: number) => Promise<UploadTarget>;
  /** Of the upload in parts that the agent was told to make. @throws `not-found` for any other */
  readonly partUrls: (
    agent: AgentIdentity,
    upload: string,
    numbers: readonly number[],
  ) => Promise<readonly SignedPart[]>;
  readonly partsThere: (agent: AgentIdentity, upload: string) => Promise<readonly StoredPart[]>;
  /** Safe to repeat. @throws `invalid` when they are not what the agent says */
  readonly completeParts: (agent: AgentIdentity, upload: string, sent: SentContent) => Promise<void>;
}

/** @param working throws `gone` when the job needs its agent no more */
export function createUploadTargets(
  ports: CorePorts,
  settings: Settings,
  working: (agent: AgentIdentity) => Promise<{ readonly job: Stored<"job"> }>,
): UploadTargets {
  const uploads = createAgentUploads(ports, settings, working);
  return {
    async uploadTarget(agent, part, size = 0) {
      const job = (await working(agent)).job.value;
      const inParts = size >= settings.jobs.partsFromBytes;
      return inParts
        ? await partsTarget(uploads, settings, job, { agent, part, size })
        : await putTarget(ports, settings, job, part);
    },
    partUrls: uploads.signParts,
    partsThere: uploads.parts,
    completeParts: uploads.complete,
  };
}

function partAddress(settings: Settings, job: Job, part: ImagePart): ArtifactAddress {
  return { bucket: settings.buckets.images, key: partKey(job.planned_image_id, part) };
}

async function partsTarget(
  uploads: AgentUploads,
  settings: Settings,
  job: Job,
  { agent, part, size }: { readonly agent: AgentIdentity; readonly part: ImagePart; readonly size: number },
): Promise<UploadTarget> {
  const address = partAddress(settings, job, part);
  const options = { contentType: "application/octet-stream", metadata: uploadMetadata(job) };
  const { id: upload, part_size } = await uploads.open(agent, { part, size, address, options });
  return { method: "PARTS", upload, part_size };
}

async function putTarget(
  { artifacts }: Pick<CorePorts, "artifacts">,
  settings: Settings,
  job: Job,
  part: ImagePart,
): Promise<UploadTarget> {
  const address = partAddress(settings, job, part);
  const metadata = uploadMetadata(job);
  const signed = await artifacts.signUrl("PUT", address, settings.jobs.signedUrlSeconds, metadata);
  const { url, expires_at, answersDigests: answers_digests } = signed;
  const answers = answers_digests === undefined ? {} : { answers_digests };
  return { method: "PUT", headers: metadataHeaders(metadata), url, expires_at, ...answers };
}

/** User metadata that clients of the original look for on an image's objects. */
function uploadMetadata(job: Job): Record<string, string> {
  return {
    "x-shasta-ims-image-id": job.planned_image_id,
    "x-shasta-ims-image-name": encodeURIComponent(job.image_root_archive_name),
    "x-shasta-ims-job-id": job.id,
  };
}

function metadataHeaders(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]));
}
