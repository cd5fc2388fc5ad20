import type { Change, Records } from "../../core/ports/records.ts";
import type { RecordKind, RecordValue } from "../../core/records.ts";

/** An image record that holds what a test wants to find again in its metadata. */
export function imageValue(id: string, metadata: Record<string, string> = {}): RecordValue<"image"> {
  const created = "2026-01-02T03:04:05.678Z";
  return { id, created, name: `image ${id}`, link: null, arch: "x86_64", metadata };
}

export function claimValue(id: string, path = `s3://boot-images/${id}`): RecordValue<"link-claim"> {
  return { id, path, owner: id };
}

export function insertImage(id: string, metadata?: Record<string, string>): Change {
  return { op: "insert", kind: "image", id, value: imageValue(id, metadata) };
}

export function replaceImage(id: string, version: number, metadata?: Record<string, string>): Change {
  return { op: "replace", kind: "image", id, version, value: imageValue(id, metadata) };
}

export function insertClaim(id: string, path?: string): Change {
  return { op: "insert", kind: "link-claim", id, value: claimValue(id, path) };
}

/** Ids of a kind in the store's order. */
export async function idsOf(records: Records, kind: RecordKind): Promise<string[]> {
  return (await records.list(kind)).records.map(({ id }) => id);
}
