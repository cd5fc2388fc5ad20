import { addressOf, type Link, linkTo } from "../artifacts/link.ts";
import { linkConflict } from "../artifacts/link-change.ts";
import { claimLink } from "../artifacts/link-claim.ts";
import {
  discardStaged,
  discardUnlessNeeded,
  stageUpload,
  type UploadExpectation,
} from "../artifacts/staging.ts";
import { getStored } from "../collection.ts";
import { journalChanges } from "../deleted/trash.ts";
import { DomainError, notFound } from "../errors.ts";
import type { ArtifactAddress, ArtifactContent, ArtifactInfo, ByteRange } from "../ports/artifacts.ts";
import type { CorePorts } from "../core-ports.ts";
import { reapply } from "../retry.ts";
import type { Settings } from "../settings.ts";
import type { Recipe } from "./recipe.ts";

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
      contentType: "application/gzip",
      maxBytes,
    });
    try {
      return await reapply(ports, () => linkStaged(id, staged));
    } catch (error) {
      await discardUnlessNeeded(ports, staged, error);
      throw error;
    }
  }

  /** The commit decides which of two uploads is the recipe's; only then do its bytes get their final name. */
  async function linkStaged(id: string, staged: ArtifactInfo): Promise<Recipe> {
    const { value: recipe, version } = await ports.journals.getSettled("recipe", id);
    if (recipe.link !== null) return await acceptEqualBytes(recipe, recipe.link, staged);
    const from: ArtifactAddress = { bucket, key: staged.key };
    const to: ArtifactAddress = { bucket, key: `recipes/${id}/recipe.tar.gz` };
    const link = linkTo(to, staged.etag);
    const value = { ...recipe, link };
    await records.commit([
      { op: "replace", kind: "recipe", id, version, value },
      await claimLink(ports, { kind: "recipe", id }, link),
      ...journalChanges(ports, id, [{ do: "move", from, to }]),
    ]);
    await ports.journals.settle(id);
    return value;
  }

  async function acceptEqualBytes(recipe: Recipe, link: Link, staged: ArtifactInfo): Promise<Recipe> {
    const stored = await artifacts.stat(addressOf(link));
    if (stored?.sha256 === undefined || stored.sha256 !== staged.sha256) throw linkConflict();
    await discardStaged(ports, staged);
    return recipe;
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
