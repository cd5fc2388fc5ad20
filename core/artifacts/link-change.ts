import { DomainError } from "../errors.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { Change } from "../ports/records.ts";
import { claimLink, type ClaimPorts, type LinkOwner } from "./link-claim.ts";
import { type Link, sameLink } from "./link.ts";

/** A link as a client sends it: without an ETag the store's is taken. */
export type WantedLink = Omit<Link, "etag"> & { readonly etag?: string | undefined };

/** A link to store with a record, and the changes that must be in the same commit. */
export interface LinkChange {
  readonly link: Link | null;
  readonly changes: readonly Change[];
}

/** Checks what a link names and answers the object it points to. */
export type LinkCheck = (link: Link) => Promise<ArtifactInfo>;

/**
 * Links a record that has no link, or finds that it has this very link already (behaviour 65 to 67, 117).
 * @throws `conflict` for another link; `invalid` when the path is taken; and what `check` throws.
 */
export async function changeLink(
  ports: ClaimPorts,
  owner: LinkOwner,
  current: Link | null,
  wanted: WantedLink | null | undefined,
  check: LinkCheck,
): Promise<LinkChange> {
  if (wanted === undefined || wanted === null) return { link: current, changes: [] };
  const asked: Link = { type: wanted.type, path: wanted.path, etag: wanted.etag ?? "" };
  if (current !== null) {
    if (!sameLink(current, asked)) throw linkConflict();
    return { link: current, changes: [] };
  }
  const claim = await claimLink(ports, owner, asked);
  const info = await check(asked);
  return { link: { ...asked, etag: wanted.etag ?? info.etag }, changes: [claim] };
}

/** Behaviour 67. */
export function linkConflict(): DomainError {
  return new DomainError(
    "conflict",
    "Requested resource exists, but cannot be patched due to a patch conflict: it is linked already.",
  );
}
