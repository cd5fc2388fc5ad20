import { DomainError } from "../errors.ts";
import type { Change, Records } from "../ports/records.ts";
import type { Signer } from "../ports/signer.ts";
import type { Link } from "./link.ts";

export interface ClaimPorts {
  readonly records: Records;
  readonly signer: Signer;
}

export type LinkOwner = { readonly kind: "image" | "recipe"; readonly id: string };

function claimId(signer: Signer, owner: LinkOwner, link: Link): string {
  return `${owner.kind}:${signer.digest(link.path)}`;
}

/**
 * The change that takes a link's path for a record; it belongs into the record's own commit.
 * @throws `invalid` when another live record of the kind has the path (behaviour 50, 115); `lost-race` when the record
 * itself has it already.
 */
export async function claimLink(
  ports: ClaimPorts,
  owner: LinkOwner,
  link: Link,
  etagStated = true,
): Promise<Change> {
  const id = claimId(ports.signer, owner, link);
  const held = await ports.records.get("link-claim", id);
  // Linked since the record was read, by another caller: it must be read again.
  if (held?.value.owner === owner.id)
    throw new DomainError("lost-race", `The ${owner.kind} ${owner.id} has been linked meanwhile.`);
  if (held !== undefined)
    throw new DomainError(
      "invalid",
      `The link path ${link.path} matches the link path for the IMS ${owner.kind} record ${held.value.owner}.`,
    );
  const value = {
    id,
    path: link.path,
    owner: owner.id,
    ...(etagStated ? {} : { etag_unstated: true as const }),
  };
  return { op: "insert", kind: "link-claim", id, value };
}

/** Whether the record holds the path of this link, which it was given without an ETag. */
export async function linkedWithoutEtag(ports: ClaimPorts, owner: LinkOwner, link: Link): Promise<boolean> {
  const held = (await ports.records.get("link-claim", claimId(ports.signer, owner, link)))?.value;
  return held?.owner === owner.id && held.etag_unstated === true;
}

/** The change that gives a link's path back, or nothing when the record does not hold it. */
export async function releaseLink(ports: ClaimPorts, owner: LinkOwner, link: Link | null): Promise<Change[]> {
  if (link === null) return [];
  const id = claimId(ports.signer, owner, link);
  const held = await ports.records.get("link-claim", id);
  if (held?.value.owner !== owner.id) return [];
  return [{ op: "remove", kind: "link-claim", id, version: held.version }];
}

/** The live record that has this link's path, if any. */
export async function holderOf(
  ports: ClaimPorts,
  kind: LinkOwner["kind"],
  link: Link,
): Promise<string | undefined> {
  return (await ports.records.get("link-claim", claimId(ports.signer, { kind, id: "" }, link)))?.value.owner;
}
