import * as v from "valibot";
import { DomainError, isDomainError } from "../errors.ts";
import type { Provenance } from "../images/provenance.ts";
import type { ArtifactAddress, ArtifactInfo, Artifacts } from "../ports/artifacts.ts";
import { addressOf, type Link, linkTo } from "./link.ts";
import { decodeUtf8, readSmallObject } from "./text.ts";

export const MANIFEST_TYPE = "application/vnd.cray.image.manifest";
export const ROOTFS_TYPE = "application/vnd.cray.image.rootfs.squashfs";

/** A manifest this large or larger is refused (behaviour 52). */
export const MAX_MANIFEST_BYTES = 1_048_576;

/** The types that clients look for in a manifest, by the name under which the object is stored. */
export const ARTIFACT_TYPES = {
  rootfs: ROOTFS_TYPE,
  kernel: "application/vnd.cray.image.kernel",
  initrd: "application/vnd.cray.image.initrd",
  boot_parameters: "application/vnd.cray.image.parameters.boot",
  debug_kernel: "application/vnd.cray.image.debug.kernel",
  /** Not of the original, whose clients pass over types that they do not look for. */
  packages: "application/vnd.ims.image.packages+json",
} as const;

const ManifestArtifact = v.object({
  type: v.string(),
  md5: v.optional(v.string()),
  link: v.object({ path: v.string(), etag: v.optional(v.string(), ""), type: v.literal("s3") }),
});
export type ManifestArtifact = v.InferOutput<typeof ManifestArtifact>;

/** `manifest.json`, version 1.0: what an image consists of. */
const Manifest = v.object({ version: v.literal("1.0"), artifacts: v.array(ManifestArtifact) });
export type Manifest = v.InferOutput<typeof Manifest>;

/**
 * The manifest's text for these objects; `created` is UTC `YYYY-MM-DD HH:MM:SS` (behaviour 78). Clients pass over
 * `provenance`.
 */
export function manifestText(
  entries: readonly ManifestArtifact[],
  now: number,
  provenance?: Provenance,
): string {
  const created = new Date(now).toISOString().slice(0, 19).replace("T", " ");
  return JSON.stringify({ version: "1.0", created, artifacts: entries, provenance });
}

export function manifestEntry(type: string, info: ArtifactInfo, md5 = info.md5): ManifestArtifact {
  return { type, ...(md5 === undefined ? {} : { md5 }), link: linkTo(info, info.etag) };
}

/** What an image's manifest names, or `undefined` when there is no readable manifest (behaviour 82). */
export async function readManifest(artifacts: Artifacts, link: Link): Promise<Manifest | undefined> {
  return manifestOf(await readManifestJson(artifacts, link));
}

/**
 * What goes where the image goes, or `undefined` when there is no readable manifest. An empty object names nothing: an
 * image may be linked to one (behaviour 54, 84).
 */
export async function readParts(
  artifacts: Artifacts,
  link: Link,
): Promise<readonly ManifestArtifact[] | undefined> {
  const json = await readManifestJson(artifacts, link);
  return isEmptyObject(json) ? [] : manifestOf(json)?.artifacts;
}

function manifestOf(json: unknown): Manifest | undefined {
  const result = v.safeParse(Manifest, json);
  return result.success ? result.output : undefined;
}

/** A manifest as parsed JSON, or `undefined` when it is gone, too large or no JSON. */
export async function readManifestJson(artifacts: Artifacts, link: Pick<Link, "path">): Promise<unknown> {
  return await readJson(artifacts, addressOf(link)).catch((error: unknown) => {
    if (isDomainError(error, "too-large")) return undefined;
    throw error;
  });
}

async function readJson(artifacts: Artifacts, address: ArtifactAddress): Promise<unknown> {
  const bytes = await readSmallObject(artifacts, address, MAX_MANIFEST_BYTES);
  if (bytes === undefined) return undefined;
  return parseJson(decodeUtf8(bytes));
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Everything that is checked before an image is linked to a manifest (behaviour 51 to 61): that object and all that it
 * names exist, size, version, shape, exactly one root file system.
 * @throws `invalid` (422) or `bad-request` (400), as the original answers.
 */
export async function checkManifest(artifacts: Artifacts, link: Link): Promise<ArtifactInfo> {
  const info = await requireObject(artifacts, link);
  if (info.size >= MAX_MANIFEST_BYTES)
    throw new DomainError(
      "bad-request",
      `Image manifest file is larger than the expected maximum size of ${MAX_MANIFEST_BYTES} bytes.`,
    );
  const manifest = await readJson(artifacts, addressOf(link));
  if (manifest === undefined) throw unusable("It is not JSON in UTF-8.");
  if (!isEmpty(manifest)) await checkEntries(artifacts, entriesOf(manifest));
  return info;
}

/** @throws `invalid` when the object that the link names does not exist (behaviour 51, 114). */
export async function requireObject(artifacts: Artifacts, link: Pick<Link, "path">): Promise<ArtifactInfo> {
  const info = await artifacts.stat(addressOf(link));
  if (info === undefined)
    throw new DomainError(
      "invalid",
      `The s3 artifact ${link.path} cannot be validated: there is no such object in a bucket that links may name.`,
    );
  return info;
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

/** Empty JSON values pass unchecked, as in the original (behaviour 54). */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isEmptyObject(value)) return true;
  return value === null || value === "" || value === 0 || value === false;
}

const Versioned = v.looseObject({ version: v.unknown() });
const Listed = v.looseObject({ artifacts: v.array(v.unknown()) });

function entriesOf(manifest: unknown): readonly unknown[] {
  if (typeof manifest !== "object" || Array.isArray(manifest)) throw unusable("It is not a JSON object.");
  const versioned = v.safeParse(Versioned, manifest);
  if (!versioned.success) throw unusable("It does not contain a version field.");
  if (versioned.output.version !== "1.0") throw unusable("It has a version that is not supported.");
  const listed = v.safeParse(Listed, manifest);
  if (!listed.success) throw unusable("It does not contain an artifacts map.");
  return listed.output.artifacts;
}

const Entry = v.looseObject({ link: v.object({ type: v.literal("s3"), path: v.string() }) });

async function checkEntries(artifacts: Artifacts, entries: readonly unknown[]): Promise<void> {
  for (const entry of entries) {
    const parsed = v.safeParse(Entry, entry);
    if (!parsed.success) throw unusable("An artifact does not have a usable s3 link.");
    await requireObject(artifacts, parsed.output.link);
  }
  const rootfs = entries.filter((entry) => typeOf(entry).startsWith(ROOTFS_TYPE)).length;
  if (rootfs !== 1)
    throw new DomainError(
      "bad-request",
      `The manifest ${rootfs === 0 ? "does not include any" : "includes multiple"} rootfs artifacts.`,
    );
}

function typeOf(entry: unknown): string {
  const parsed = v.safeParse(v.looseObject({ type: v.string() }), entry);
  if (!parsed.success) throw unusable("An artifact does not have a type field.");
  return parsed.output.type;
}

function unusable(why: string): DomainError {
  return new DomainError("invalid", `The image manifest cannot be used. ${why}`);
}
