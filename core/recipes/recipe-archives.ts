import { addressOf } from "../artifacts/link.ts";
import { discardUnlessNeeded, stageUpload, type UploadExpectation } from "../artifacts/staging.ts";
import { getStored } from "../collection.ts";
import { DomainError, notFound } from "../errors.ts";
import type { ArtifactAddress, ArtifactContent, ArtifactInfo, ByteRange } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import { linkArchive } from "./link-archive.ts";
import type { Recipe } from "./recipe.ts";

export const ARCHIVE_CONTENT = "application/gzip";

export interface RecipeArchives {
  /**
   * Stores the archive and links the recipe to it; the same bytes again change nothing.
   * @throws `conflict` when the recipe is linked to other bytes already.
   */
  put(id: string, source: AsyncIterable<Uint8Array>, expect: UploadExpectation): Promise<Recipe>;
  /** @throws `not-found` when the recipe or its archive does not exist. */
  stat(id: string): Promise<ArtifactInfo>;
  read(id: string, range?: ByteRange): Promise<ArtifactContent>;
}

export function createRecipeArchives(ports: CorePorts, settings: Settings): RecipeArchives {
  const { records, artifacts } = ports;
  const bucket = settings.buckets.recipes;

  async function put(id: string, source: AsyncIterable<Uint8Array>, expect: UploadExpectation) {
    await getStored(records, "recipe", id);
    const maxBytes = settings.uploads.maxArchiveBytes;
    const staged = await stageUpload(ports, bucket, source, {
      ...expect,
      contentType: ARCHIVE_CONTENT,
      maxBytes,
    });
    try {
      return await reapply(ports, () => linkArchive(ports, bucket, id, { staged }));
    } catch (error) {
      await discardUnlessNeeded(ports, staged, error);
      throw error;
    }
  }

  async function addressOfArchive(id: string): Promise<ArtifactAddress> {
    const { link } = (await ports.journals.getSettled("recipe", id)).value;
    if (link === null) throw new DomainError("not-found", "This recipe has no archive yet.");
    return addressOf(link);
  }

  return {
    put,
    async stat(id) {
      const info = await artifacts.stat(await addressOfArchive(id));
      if (info === undefined) throw notFound();
      return info;
    },
    async read(id, range) {
      const content = await artifacts.read(await addressOfArchive(id), range);
      if (content === undefined) throw notFound();
      return content;
    },
  };
}
