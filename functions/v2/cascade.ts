import * as v from "valibot";

/** `?cascade=`, default true; true, yes, t and 1 in any case are true, everything else is false (behaviour 104). */
export const CascadeQuery = v.object({
  cascade: v.optional(
    v.pipe(
      v.array(v.string()),
      v.transform(([word = ""]) => ["true", "yes", "t", "1"].includes(word.toLowerCase())),
    ),
    ["true"],
  ),
});
