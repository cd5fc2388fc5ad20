import * as v from "valibot";

/** Who may log in to a job's shell. The text is kept verbatim, trailing newline included: clients compare it. */
export const PublicKey = v.object({
  id: v.string(),
  created: v.string(),
  name: v.string(),
  public_key: v.string(),
});
export type PublicKey = v.InferOutput<typeof PublicKey>;
