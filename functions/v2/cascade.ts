import * as v from "valibot";

/** `?cascade=`, default true; true, yes, t and 1 in any case are true, everything else is false (behaviour 104). */
export const CascadeQuery = v.object({
  cascade: v.pipe(
    v.optional(v.array(v.string()), ["true"]),
    v.transform(([word = ""]) => ["true", "yes", "t", "1"].includes(word.toLowerCase())),
    v.boolean(),
    v.metadata({ default: true, description: "Whether the objects that the record links to go with it" }),
  ),
});
