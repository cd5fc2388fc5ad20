import * as v from "valibot";
import { ObjectJournal } from "./artifacts/journal.ts";
import { Token } from "./auth/token.ts";
import { DomainError } from "./errors.ts";
import { Image } from "./images/image.ts";
import { JobActivity } from "./jobs/activity.ts";
import { Job } from "./jobs/job.ts";
import { JobSlot } from "./jobs/slots.ts";
import { NodeState, RemoteBuildNode } from "./nodes/node.ts";
import { PublicKey } from "./public-keys/public-key.ts";
import { Recipe } from "./recipes/recipe.ts";
import { UploadSession } from "./uploads/upload-session.ts";

const deleted = { deleted: v.string() };

/** A link path that a live record holds; inserted with the record, so that two records never share a path. */
const LinkClaim = v.object({
  id: v.string(),
  path: v.string(),
  owner: v.string(),
  /** The client sent no ETag with the link; sending it again without one is then no change (behaviour 68). */
  etag_unstated: v.optional(v.literal(true)),
});

/** Every kind of record there is. A store keeps values as JSON and answers them parsed by these schemas. */
const schemas = {
  image: Image,
  recipe: Recipe,
  "public-key": PublicKey,
  job: Job,
  "job-activity": JobActivity,
  "job-slot": JobSlot,
  "deleted-image": v.object({ ...Image.entries, ...deleted }),
  "deleted-recipe": v.object({ ...Recipe.entries, ...deleted }),
  "deleted-public-key": v.object({ ...PublicKey.entries, ...deleted }),
  "remote-build-node": RemoteBuildNode,
  "node-state": NodeState,
  token: Token,
  "link-claim": LinkClaim,
  "object-journal": ObjectJournal,
  "upload-session": UploadSession,
} as const;

export type RecordKind = keyof typeof schemas;
export type RecordValue<K extends RecordKind> = v.InferOutput<(typeof schemas)[K]>;

// oxlint-disable-next-line no-unsafe-type-assertion -- the keys are those of the table above
export const RECORD_KINDS = Object.keys(schemas) as RecordKind[];

/**
 * Turns what a store held into a record's value.
 * @throws `unavailable` when it is not one: a damaged store is never answered as if it were whole.
 */
export function parseRecord<K extends RecordKind>(kind: K, id: string, stored: unknown): RecordValue<K> {
  const result = v.safeParse(schemas[kind], stored);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]) ?? "the record itself";
  throw new DomainError("unavailable", `The stored ${kind} ${id} is damaged at ${where}.`);
}
