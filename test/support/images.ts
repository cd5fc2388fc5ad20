import { createHash } from "node:crypto";
import { IMAGE_PARTS, type ImagePart } from "../../core/jobs/agent-messages.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import { ARTIFACT_TYPES } from "../../core/artifacts/manifest.ts";

export async function store(artifacts: Artifacts, bucket: string, key: string, text: string) {
  return await artifacts.write({ bucket, key }, bytesOf(text));
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** Stores the objects of an image and a manifest that names them; answers the link to the manifest. */
export async function storeImage(artifacts: Artifacts, folder: string, bucket = "boot-images") {
  const entries = [];
  for (const part of IMAGE_PARTS.filter((name) => name !== "packages")) {
    const info = await store(artifacts, bucket, `${folder}/${part}`, `${part} of ${folder}`);
    const path = `s3://${bucket}/${folder}/${part}`;
    entries.push({ type: ARTIFACT_TYPES[part], md5: info.md5, link: { type: "s3", path, etag: info.etag } });
  }
  return await storeManifest(artifacts, folder, { version: "1.0", artifacts: entries }, bucket);
}

export async function storeManifest(
  artifacts: Artifacts,
  folder: string,
  manifest: unknown,
  bucket = "boot-images",
) {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  const info = await store(artifacts, bucket, `${folder}/manifest.json`, text);
  return { type: "s3" as const, path: `s3://${bucket}/${folder}/manifest.json`, etag: info.etag };
}

/** What an agent says of a part whose content is this text. */
export function sentPart(part: ImagePart, text: string) {
  const digest = (algorithm: string) => createHash(algorithm).update(text).digest("hex");
  return { part, size: Buffer.byteLength(text), md5: digest("md5"), sha256: digest("sha256") };
}
