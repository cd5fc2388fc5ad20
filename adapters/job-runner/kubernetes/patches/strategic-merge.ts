import { DomainError } from "../../../../core/errors.ts";
import { isList, isObject, type JsonObject, type JsonValue } from "./json-value.ts";

/**
 * By which member Kubernetes tells the entries of a list apart when it merges it, by the list's name, for the kinds that
 * a job is made of. Lists that are not here are replaced as a whole (`args`, `command`, `tolerations`, ...).
 */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  imagePullSecrets: ["name"],
  hostAliases: ["ip"],
  // Of a container, of a Service.
  ports: ["containerPort", "port"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  topologySpreadConstraints: ["topologyKey"],
  resourceClaims: ["name"],
};
const DIRECTIVE = "$patch";
const DIRECTIVES: ReadonlySet<JsonValue> = new Set(["delete", "replace", "merge"]);

/**
 * `target` with a strategic merge patch applied as `kubectl patch` does: objects are merged, null takes a member away,
 * lists of named things are merged by name, other lists are replaced; `$patch: delete` and `$patch: replace` are known.
 * @throws `invalid` for what cannot be merged
 */
export function strategicMerge(target: JsonObject, patch: JsonObject): JsonObject {
  if (patch[DIRECTIVE] === "replace") return plain(patch);
  const merged: Record<string, JsonValue> = { ...target };
  for (const [name, value] of Object.entries(plain(patch))) {
    if (value === null) delete merged[name];
    else merged[name] = mergeMember(name, merged[name], value);
  }
  return merged;
}

/** Without the directive, which is no member. */
function plain(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...members } = patch;
  const unknown = Object.keys(members).find((name) => name.startsWith("$"));
  if (unknown !== undefined || (directive !== undefined && !DIRECTIVES.has(directive)))
    throw new DomainError(
      "invalid",
      `${unknown ?? `${DIRECTIVE}: ${JSON.stringify(directive)}`} is not known.`,
    );
  return members;
}

function mergeMember(name: string, before: JsonValue | undefined, value: JsonValue): JsonValue {
  if (isObject(value)) return strategicMerge(isObject(before) ? before : {}, value);
  const keys = MERGE_KEYS[name];
  if (!isList(value) || keys === undefined) return value;
  return mergeList(name, keys, isList(before) ? before : [], value);
}

function mergeList(
  name: string,
  keys: readonly string[],
  before: readonly JsonValue[],
  patch: readonly JsonValue[],
): JsonValue {
  const merged = [...before];
  for (const entry of patch) {
    const key = keys.find((each) => isObject(entry) && entry[each] !== undefined);
    if (!isObject(entry) || key === undefined)
      throw new DomainError("invalid", `An entry of ${name} has no ${keys.join(" or ")}.`);
    const index = merged.findIndex((each) => isObject(each) && each[key] === entry[key]);
    const found = merged[index];
    if (entry[DIRECTIVE] === "delete") {
      if (index >= 0) merged.splice(index, 1);
    } else if (isObject(found)) merged[index] = strategicMerge(found, entry);
    else merged.push(plain(entry));
  }
  return merged;
}
