import * as v from "valibot";

/** Memory that is handed over, so that no byte is copied. */
const HandedBytes = v.custom<Uint8Array<ArrayBuffer>>(
  (value) => value instanceof Uint8Array && value.buffer instanceof ArrayBuffer,
);

/** To the thread that computes MD5 sums, for several sessions at a time. */
export const Md5Request = v.variant("do", [
  v.object({ do: v.literal("update"), session: v.number(), bytes: HandedBytes }),
  v.object({ do: v.literal("digest"), session: v.number() }),
  v.object({ do: v.literal("forget"), session: v.number() }),
]);
export type Md5Request = v.InferOutput<typeof Md5Request>;

/**
 * `forget` gets none, the others get one each, in the order of a session's requests: `update` its memory back, `digest`
 * the sum.
 */
export const Md5Reply = v.object({
  session: v.number(),
  bytes: v.exactOptional(HandedBytes),
  md5: v.exactOptional(v.string()),
});
export type Md5Reply = v.InferOutput<typeof Md5Reply>;
