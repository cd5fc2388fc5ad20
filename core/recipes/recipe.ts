import * as v from "valibot";
import { Arch } from "../arch.ts";
import { Link } from "../artifacts/link.ts";

export const RECIPE_TYPES = ["kiwi-ng", "packer"] as const;
export const LINUX_DISTRIBUTIONS = ["sles12", "sles15", "centos7"] as const;

export const TemplateEntry = v.object({ key: v.string(), value: v.string() });
export type TemplateEntry = v.InferOutput<typeof TemplateEntry>;

/** A recipe's record; `link` points to its archive, a tar.gz of a kiwi-ng or packer description. */
export const Recipe = v.object({
  id: v.string(),
  created: v.string(),
  name: v.string(),
  link: v.nullable(Link),
  recipe_type: v.picklist(RECIPE_TYPES),
  linux_distribution: v.picklist(LINUX_DISTRIBUTIONS),
  template_dictionary: v.array(TemplateEntry),
  require_dkms: v.boolean(),
  arch: Arch,
});
export type Recipe = v.InferOutput<typeof Recipe>;
