import * as v from "valibot";
import { Arch } from "../arch.ts";
import { Link } from "../artifacts/link.ts";
import { Provenance } from "./provenance.ts";

/** An image's record as the second generation shows it: the members of the API of record. */
export const OriginalImage = v.object({
  id: v.string(),
  created: v.string(),
  name: v.string(),
  link: v.nullable(Link),
  arch: Arch,
  metadata: v.record(v.string(), v.string()),
});
export type OriginalImage = v.InferOutput<typeof OriginalImage>;

/** An image's record. The artifacts themselves are named by the manifest that `link` points to. */
export const Image = v.object({
  ...OriginalImage.entries,
  /** Absent for images that no job of this service made. */
  provenance: v.optional(Provenance),
});
export type Image = v.InferOutput<typeof Image>;

export function asOriginal({ provenance: _later, ...original }: Image): OriginalImage {
  return original;
}
