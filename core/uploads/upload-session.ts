import * as v from "valibot";
import { Link } from "../artifacts/link.ts";
import { ImagePart } from "../jobs/agent-messages.ts";
import { Recipe } from "../recipes/recipe.ts";
import type { PartedUpload } from "../ports/upload-sessions.ts";

/** What a recipe's archive or an image's artifact is uploaded for; `job`: by the agent of a job, for its image. */
const Target = v.variant("of", [
  v.object({ of: v.literal("recipe"), recipe: v.string() }),
  v.object({ of: v.literal("image"), image: v.string(), artifact: v.string() }),
  v.object({ of: v.literal("job"), job: v.string(), attempt: v.number(), part: ImagePart }),
]);
export type Target = v.InferOutput<typeof Target>;

/** What the upload of an image's artifact answers. */
const UploadedObject = v.object({
  type: v.string(),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  size: v.number(),
  link: Link,
});

/** What completing answered, to be answered again to who did not hear it. */
export const UploadResult = v.variant("of", [
  v.object({ of: v.literal("recipe"), recipe: Recipe }),
  v.object({ of: v.literal("image"), artifact: UploadedObject }),
  v.object({ of: v.literal("job"), size: v.number(), md5: v.string(), sha256: v.string() }),
]);
export type UploadResult = v.InferOutput<typeof UploadResult>;

export const UPLOAD_STATES = ["open", "completing", "completed", "aborted", "expired"] as const;

/** An upload in parts. `completing`: what has come is being made the object, and no more is taken. */
export const UploadSession = v.object({
  id: v.string(),
  created: v.string(),
  expires_at: v.string(),
  target: Target,
  /** Of all parts but the last, in bytes. */
  part_size: v.number(),
  /** What the client says of the whole; digests are lower-case hex. */
  size: v.optional(v.number()),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  state: v.picklist(UPLOAD_STATES),
  /** When it came to its end. */
  ended: v.optional(v.string()),
  /** Of a completed one. */
  result: v.optional(UploadResult),
  /** Why completing ended it without an object. */
  refusal: v.optional(
    v.object({ code: v.picklist(["conflict", "invalid", "not-found"]), message: v.string() }),
  ),
  storage: v.object({ bucket: v.string(), key: v.string(), handle: v.string() }),
});
export type UploadSession = v.InferOutput<typeof UploadSession>;

export type UploadEvent =
  | { readonly do: "close" }
  | { readonly do: "complete"; readonly result: UploadResult }
  | { readonly do: "refuse"; readonly refusal: NonNullable<UploadSession["refusal"]> }
  | { readonly do: "abort" }
  | { readonly do: "expire" };

export const isLive = ({ state }: UploadSession): boolean => state === "open" || state === "completing";

/** Parts are taken, and URLs for them given, as long as it is open and its time is not over. `now` in milliseconds. */
export const takesParts = (session: UploadSession, now: number): boolean =>
  session.state === "open" && now < Date.parse(session.expires_at);

/**
 * The session after the event; `undefined` when that cannot happen to it any more. An end is final: no event changes a
 * session that was completed, aborted or has expired. `now` in milliseconds since the epoch.
 */
export function after(session: UploadSession, event: UploadEvent, now: number): UploadSession | undefined {
  if (!isLive(session) || !canHappen(session, event, now)) return undefined;
  if (event.do === "close") return { ...session, state: "completing" };
  const ended = new Date(now).toISOString();
  switch (event.do) {
    case "complete":
      return { ...session, state: "completed", ended, result: event.result };
    case "refuse":
      return { ...session, state: "aborted", ended, refusal: event.refusal };
    case "abort":
      return { ...session, state: "aborted", ended };
    case "expire":
      return { ...session, state: "expired", ended };
  }
}

/** To one that is live. */
function canHappen(session: UploadSession, event: UploadEvent, now: number): boolean {
  switch (event.do) {
    case "close":
      return takesParts(session, now);
    case "complete":
    case "refuse":
      return session.state === "completing";
    case "abort":
      return true;
    case "expire":
      return now >= Date.parse(session.expires_at);
  }
}

/** An ended session is remembered for so long, for who did not hear the answer. */
const REMEMBERED_MS = 24 * 3_600_000;

/** Whether nobody asks for it any more, and none of its URLs is good any more. */
export function isForgettable(session: UploadSession, now: number): boolean {
  if (session.ended === undefined) return false;
  return now >= Math.max(Date.parse(session.expires_at), Date.parse(session.ended) + REMEMBERED_MS);
}

export function partedUpload({ id, part_size, storage }: UploadSession): PartedUpload {
  const { bucket, key, handle } = storage;
  return { id, address: { bucket, key }, handle, partBytes: part_size };
}
