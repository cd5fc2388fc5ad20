import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { parse } from "yaml";
import { DomainError } from "../../../../core/errors.ts";
import { JsonOperation, jsonPatch } from "./json-patch.ts";
import { isObject, JsonObject, type JsonValue } from "./json-value.ts";
import { strategicMerge } from "./strategic-merge.ts";

/** Kinds that a site may patch. A Secret holds what nobody but the agent may know. */
const PATCHED_KINDS = ["Job", "ConfigMap", "PersistentVolumeClaim", "Service", "DestinationRule"] as const;

/** What a site changes of each kind: a strategic merge patch, or a list of operations (RFC 6902). */
const Patches = v.strictObject(
  v.entriesFromList(
    PATCHED_KINDS,
    v.optional(v.lazy((patch) => (Array.isArray(patch) ? v.array(JsonOperation) : JsonObject))),
  ),
);
export type Patches = v.InferOutput<typeof Patches>;

export const NO_PATCHES: Patches = {};

/** What a file of patches says, in YAML or JSON. @throws `invalid` */
export function readPatches(text: string): Patches {
  const result = v.safeParse(Patches, parsed(text));
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "it"}: ${issue.message}`);
  throw new DomainError("invalid", `The patches cannot be used: ${problems.join("; ")}.`);
}

function parsed(text: string): unknown {
  try {
    return parse(text) ?? {};
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DomainError("invalid", `The patches are no YAML: ${why}`, { cause: error });
  }
}

/**
 * A manifest as the site wants it. What the service itself finds its objects by cannot be changed.
 * @throws `invalid` naming the kind
 */
export function patched(manifest: { readonly kind?: string }, patches: Patches): JsonObject {
  const original = v.parse(JsonObject, JSON.parse(JSON.stringify(manifest)));
  const kind = PATCHED_KINDS.find((each) => each === manifest.kind);
  const patch = kind && patches[kind];
  if (patch === undefined) return original;
  try {
    const result = Array.isArray(patch)
      ? jsonPatch(original, patch)
      : strategicMerge(original, v.parse(JsonObject, patch));
    keepsItsIdentity(original, result);
    return result;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError("invalid", `The patch of ${kind} cannot be used: ${error.message}`, {
      cause: error,
    });
  }
}

const FIXED = [
  ["apiVersion"],
  ["kind"],
  ["metadata", "name"],
  ["metadata", "namespace"],
  ["metadata", "ownerReferences"],
  ["spec", "suspend"],
  ["spec", "backoffLimit"],
  ["spec", "completions"],
  ["spec", "parallelism"],
] as const;

function keepsItsIdentity(before: JsonObject, after: JsonObject): void {
  for (const path of FIXED)
    if (!isDeepStrictEqual(at(before, path), at(after, path)))
      throw new DomainError("invalid", `${path.join(".")} must stay what it is.`);
  for (const path of [
    ["metadata", "labels"],
    ["spec", "template", "metadata", "labels"],
  ]) {
    const [ours, theirs] = [at(before, path), at(after, path)];
    if (!isObject(ours)) continue;
    for (const [name, value] of Object.entries(ours))
      if (!isObject(theirs) || theirs[name] !== value)
        throw new DomainError("invalid", `The label ${name} must stay what it is.`);
  }
}

function at(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let found = value;
  for (const part of path) found = isObject(found) ? found[part] : undefined;
  return found;
}
