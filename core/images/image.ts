import * as v from "valibot";
import { Arch } from "../arch.ts";
import { Link } from "../artifacts/link.ts";

/** An image's record. The artifacts themselves are named by the manifest that `link` points to. */
export const Image = v.object({
  id: v.string(),
  created: v.string(),
  name: v.string(),
  link: v.nullable(Link),
  arch: Arch,
  metadata: v.record(v.string(), v.string()),
});
export type Image = v.InferOutput<typeof Image>;
