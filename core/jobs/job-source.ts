import { addressOf, type Link } from "../artifacts/link.ts";
import { type ManifestArtifact, readManifest, requireObject, ROOTFS_TYPE } from "../artifacts/manifest.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { JobFacts, JobRequest } from "./new-job.ts";

type SourceFacts = Pick<JobFacts, "arch" | "source" | "recipe_require_dkms">;

/** What a job builds from or customizes, checked in the original's order (behaviour 143 to 146). */
export async function findJobSource(ports: CorePorts, request: JobRequest): Promise<SourceFacts> {
  return request.job_type === "create"
    ? await fromRecipe(ports, request.artifact_id)
    : await fromImage(ports, request.artifact_id);
}

async function fromRecipe(ports: CorePorts, id: string): Promise<SourceFacts> {
  const recipe = (await ports.records.get("recipe", id))?.value;
  if (recipe === undefined) throw noSuch("recipe", id);
  const link = requireLink("recipe", id, recipe.link);
  const digests = digestsOf(await requireObject(ports.artifacts, link));
  const { arch, recipe_type, template_dictionary, require_dkms } = recipe;
  const source = { link, recipe_type, template_dictionary, ...digests };
  return { arch, source, recipe_require_dkms: require_dkms };
}

async function fromImage(ports: CorePorts, id: string): Promise<SourceFacts> {
  const image = (await ports.records.get("image", id))?.value;
  if (image === undefined) throw noSuch("image", id);
  const link = requireLink("image", id, image.link);
  const digests = digestsOf(await requireObject(ports.artifacts, link));
  const rootfs = await findRootfs(ports, link);
  const info = await requireObject(ports.artifacts, rootfs.link);
  const rootfs_md5 = rootfs.md5 ?? digestsOf(info).md5;
  return {
    arch: image.arch,
    source: { link, ...digests, ...(rootfs_md5 === undefined ? {} : { rootfs_md5 }) },
  };
}

/** What the image's or recipe's object is, so that what is made of it can say so later. */
function digestsOf({ etag, md5, sha256, metadata }: ArtifactInfo) {
  const known = md5 ?? metadata["md5sum"];
  return {
    etag,
    ...(known === undefined ? {} : { md5: known }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

async function findRootfs(ports: CorePorts, link: Link): Promise<ManifestArtifact> {
  const manifest = await readManifest(ports.artifacts, link);
  if (manifest === undefined)
    throw new DomainError("bad-request", "The manifest.json file is corrupt or invalid.");
  const rootfs = manifest.artifacts.filter(({ type }) => type.startsWith(ROOTFS_TYPE));
  const [only] = rootfs;
  if (only === undefined || rootfs.length > 1)
    throw new DomainError(
      "bad-request",
      `The image's manifest names ${rootfs.length} rootfs artifacts instead of one.`,
    );
  return only;
}

function requireLink(kind: string, id: string, link: Link | null): Link {
  if (link === null)
    throw new DomainError("bad-request", `The IMS ${kind} record ${id} does not have an artifact_link.`);
  addressOf(link);
  return link;
}

function noSuch(kind: string, id: string): DomainError {
  return new DomainError(
    "bad-request",
    `Invalid artifact_id value in job request. No IMS ${kind} record found matching id=${id}.`,
  );
}
