import * as v from "valibot";
import { DomainError } from "../errors.ts";
import type { ArtifactAddress } from "../ports/artifacts.ts";

/** How a record names a stored object: `{type: "s3", path: "s3://bucket/key", etag}`. */
export const Link = v.object({ path: v.string(), etag: v.string(), type: v.literal("s3") });
export type Link = v.InferOutput<typeof Link>;

/** @throws `invalid` when the path is not `s3://<bucket>/<key>`. */
export function addressOf(link: Pick<Link, "path">): ArtifactAddress {
  const parts = /^s3:\/\/([^/]+)\/(.+)$/su.exec(link.path);
  const [, bucket, key] = parts ?? [];
  if (bucket === undefined || key === undefined)
    throw new DomainError("invalid", `The link path ${link.path} is not of the form s3://bucket/key.`);
  return { bucket, key };
}

export function linkTo(address: ArtifactAddress, etag: string): Link {
  return { path: `s3://${address.bucket}/${address.key}`, etag, type: "s3" };
}

export function sameLink(a: Link, b: Link): boolean {
  return a.path === b.path && a.etag === b.etag && a.type === b.type;
}
