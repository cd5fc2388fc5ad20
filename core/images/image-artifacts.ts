import { addressOf, type Link } from "../artifacts/link.ts";
import { ARTIFACT_TYPES, MANIFEST_TYPE, manifestEntry, readManifest } from "../artifacts/manifest.ts";
import { DomainError } from "../errors.ts";
import type { ArtifactContent, ArtifactInfo, ByteRange } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Ports } from "../ports/index.ts";
import type { Settings } from "../settings.ts";
import { uploadedParts } from "./uploaded-parts.ts";

/** One of an image's objects; `name` is what `GET .../artifacts/{name}` takes. */
export interface ImageArtifact {
  readonly name: string;
  readonly type: string;
  readonly md5?: string;
  readonly sha256?: string;
  readonly size: number;
  readonly link: Link;
}

export interface ImageArtifacts {
  /** In the manifest's order, the manifest last. An image without link has what was uploaded so far. Objects that are gone are left out. */
  list(imageId: string): Promise<ImageArtifact[]>;
  /** @throws `not-found` when image, artifact or object does not exist. */
  stat(imageId: string, name: string): Promise<ArtifactInfo>;
  read(imageId: string, name: string, range?: ByteRange): Promise<ArtifactContent>;
}

interface Named {
  readonly name: string;
  readonly type: string;
  readonly link: Link;
  readonly md5?: string | undefined;
}

export function createImageArtifacts(ports: CorePorts, settings: Settings): ImageArtifacts {
  const { artifacts } = ports;

  async function named(imageId: string): Promise<Named[]> {
    const { link } = (await ports.journals.getSettled("image", imageId)).value;
    if (link === null) return await uploaded(imageId);
    const manifest = await readManifest(artifacts, link);
    const parts = (manifest?.artifacts ?? []).map((part) => ({
      ...part,
      name: nameOf(part.type, part.link),
    }));
    return [...parts, { name: "manifest", type: MANIFEST_TYPE, link }];
  }

  /** What is there before the image is linked. */
  async function uploaded(imageId: string): Promise<Named[]> {
    const parts = await uploadedParts(artifacts, settings.buckets.images, imageId);
    return parts.map(({ name, info }) => ({ name, ...manifestEntry(ARTIFACT_TYPES[name], info) }));
  }

  async function find(imageId: string, name: string): Promise<Named> {
    const all = await named(imageId);
    const found = all.find((part) => part.name === name);
    if (found !== undefined) return found;
    const known = all.length === 0 ? "it has none yet" : `it has ${all.map((part) => part.name).join(", ")}`;
    throw new DomainError("not-found", `This image has no artifact named ${name}; ${known}.`);
  }

  return {
    async list(imageId) {
      const all = await named(imageId);
      const present = await Promise.all(all.map((part) => describe(ports, part)));
      return present.filter((part) => part !== undefined);
    },
    async stat(imageId, name) {
      return present(name, await artifacts.stat(addressOf((await find(imageId, name)).link)));
    },
    async read(imageId, name, range) {
      return present(name, await artifacts.read(addressOf((await find(imageId, name)).link), range));
    },
  };
}

function present<T>(name: string, found: T | undefined): T {
  if (found === undefined) throw new DomainError("not-found", `The object of the artifact ${name} is gone.`);
  return found;
}

async function describe(ports: Pick<Ports, "artifacts">, part: Named): Promise<ImageArtifact | undefined> {
  const info = await ports.artifacts.stat(addressOf(part.link));
  if (info === undefined) return undefined;
  const md5 = part.md5 ?? info.md5;
  return {
    name: part.name,
    type: part.type,
    ...(md5 === undefined ? {} : { md5 }),
    ...(info.sha256 === undefined ? {} : { sha256: info.sha256 }),
    size: info.size,
    link: { ...part.link, etag: info.etag },
  };
}

/** The usual name for a known type; otherwise the last part of the object's key. */
function nameOf(type: string, link: Link): string {
  const known = Object.entries(ARTIFACT_TYPES).find(([, known]) => known === type);
  return known?.[0] ?? addressOf(link).key.split("/").at(-1) ?? type;
}
