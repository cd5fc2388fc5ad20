import type { Link } from "../artifacts/link.ts";
import type { BackupRecord } from "../backup/check.ts";
import type { Image } from "../images/image.ts";
import type { PublicKey } from "../public-keys/public-key.ts";
import type { Recipe } from "../recipes/recipe.ts";
import { type OriginalLink, type OriginalRecord, timeOf } from "./schemas.ts";

export function keyOf({ id, created, name, public_key }: OriginalRecord<"public_keys">): PublicKey {
  return { id: idOf(id), created: timeOf(created), name, public_key };
}

export function imageOf({ id, created, name, ...image }: OriginalRecord<"images">): Image {
  return {
    id: idOf(id),
    created: timeOf(created),
    name,
    link: linkOf(image.link),
    arch: image.arch ?? "x86_64",
    metadata: image.metadata ?? {},
  };
}

export function recipeOf({ id, created, name, ...recipe }: OriginalRecord<"recipes">): Recipe {
  return {
    id: idOf(id),
    created: timeOf(created),
    name,
    link: linkOf(recipe.link),
    recipe_type: recipe.recipe_type,
    linux_distribution: recipe.linux_distribution,
    template_dictionary: recipe.template_dictionary ?? [],
    require_dkms: recipe.require_dkms ?? true,
    arch: recipe.arch ?? "x86_64",
  };
}

function linkOf(link: OriginalLink | null | undefined): Link | null {
  return link === null || link === undefined
    ? null
    : { path: link.path, etag: link.etag ?? "", type: link.type };
}

export const idOf = (id: string): string => id.toLowerCase();

/** The path of a live record's link is its own: with the record comes its claim. */
export function claimOf(
  kind: "image" | "recipe",
  { id, link }: Image | Recipe,
  digest: (text: string) => string,
): BackupRecord[] {
  if (link === null) return [];
  const claim = `${kind}:${digest(link.path)}`;
  return [{ kind: "link-claim", id: claim, value: { id: claim, path: link.path, owner: id } }];
}
