import { DomainError } from "../errors.ts";
import type { ArtifactInfo } from "../ports/artifacts.ts";
import type { Change } from "../ports/records.ts";
import type { Telemetry } from "../ports/telemetry.ts";
import { claimLink, type ClaimPorts, linkedWithoutEtag, type LinkOwner } from "./link-claim.ts";
import type { Journals } from "./journals.ts";
import { addressOf, type Link, sameLink } from "./link.ts";

/** A link as a client sends it: without an ETag the store's is taken. */
export type WantedLink = Omit<Link, "etag"> & { readonly etag?: string | undefined };

/** A link to store with a record, and the changes that must be in the same commit. */
export interface LinkChange {
  readonly link: Link | null;
  readonly changes: readonly Change[];
  /** The store's ETag, where the client's is another. */
  readonly storedEtag?: string;
}

/** Told that a link was taken as the client sent it although the object's ETag is this one. */
export type EtagRemark = (storedEtag: string) => void;

/** Checks what a link names and answers the object it points to. */
export type LinkCheck = (link: Link) => Promise<ArtifactInfo>;

/**
 * Links a record that has no link, or finds that it has this very link already (behaviour 65 to 68, 117).
 * @throws `conflict` for another link; `invalid` when the path is taken; and what `check` throws.
 */
export async function changeLink(
  ports: ClaimPorts & { readonly journals: Journals },
  owner: LinkOwner,
  current: Link | null,
  wanted: WantedLink | null | undefined,
  check: LinkCheck,
): Promise<LinkChange> {
  if (wanted === undefined || wanted === null) return { link: current, changes: [] };
  const asked: Link = { type: wanted.type, path: wanted.path, etag: wanted.etag ?? "" };
  if (current !== null) {
    if (!(await isSame(ports, owner, current, wanted))) throw linkConflict();
    return { link: current, changes: [] };
  }
  const claim = await claimLink(ports, owner, asked, wanted.etag !== undefined);
  // Who had the path before may have left it a moment ago, and its object may be about to follow.
  await ports.journals.settleAt(addressOf(asked));
  const { etag } = await check(asked);
  const differs = wanted.etag !== undefined && wanted.etag !== etag;
  return {
    link: { ...asked, etag: wanted.etag ?? etag },
    changes: [claim],
    ...(differs ? { storedEtag: etag } : {}),
  };
}

async function isSame(
  ports: ClaimPorts,
  owner: LinkOwner,
  current: Link,
  { type, path, etag }: WantedLink,
): Promise<boolean> {
  if (etag !== undefined) return sameLink(current, { type, path, etag });
  return (
    sameLink({ ...current, etag: "" }, { type, path, etag: "" }) && linkedWithoutEtag(ports, owner, current)
  );
}

/** Makes an ETag visible that is not the object's: in the log, and to whoever answers the client (behaviour 48). */
export function remarkEtag(
  { telemetry }: { readonly telemetry: Telemetry },
  owner: LinkOwner,
  { link, storedEtag }: LinkChange,
  remark: EtagRemark | undefined,
): void {
  if (storedEtag === undefined || link === null) return;
  const { path, etag } = link;
  const record = { record: `${owner.kind} ${owner.id}`, path, sent_etag: etag, stored_etag: storedEtag };
  telemetry.emit({ event: "link-etag-differs", level: "warn", ...record });
  remark?.(storedEtag);
}

/** Behaviour 67. */
export function linkConflict(): DomainError {
  return new DomainError(
    "conflict",
    "Requested resource exists, but cannot be patched due to a patch conflict: it is linked already.",
  );
}
