import * as v from "valibot";

export const ROLES = ["admin", "reader"] as const;
export const TokenRole = v.picklist(ROLES);
export type TokenRole = v.InferOutput<typeof TokenRole>;

/** A static token. Of its secret only a signature is kept, from which nobody gets the secret back. */
export const Token = v.object({
  id: v.string(),
  created: v.string(),
  name: v.string(),
  role: TokenRole,
  signature: v.string(),
});
export type Token = v.InferOutput<typeof Token>;
