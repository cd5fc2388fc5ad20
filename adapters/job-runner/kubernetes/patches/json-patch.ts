import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { DomainError } from "../../../../core/errors.ts";
import { isList, isObject, type JsonObject, JsonValue } from "./json-value.ts";

const Pointer = v.pipe(
  v.string(),
  v.regex(/^(?:\/(?:[^~/]|~[01])*)+$/u, "is no path such as /spec/template"),
  v.transform((text) =>
    text
      .slice(1)
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")),
  ),
);
type Path = readonly string[];

/** One operation of RFC 6902. */
export const JsonOperation = v.variant("op", [
  v.strictObject({ op: v.literal("add"), path: Pointer, value: JsonValue }),
  v.strictObject({ op: v.literal("replace"), path: Pointer, value: JsonValue }),
  v.strictObject({ op: v.literal("test"), path: Pointer, value: JsonValue }),
  v.strictObject({ op: v.literal("remove"), path: Pointer }),
  v.strictObject({ op: v.literal("move"), from: Pointer, path: Pointer }),
  v.strictObject({ op: v.literal("copy"), from: Pointer, path: Pointer }),
]);
export type JsonOperation = v.InferOutput<typeof JsonOperation>;

/** `target` with all operations applied in order. @throws `invalid` naming the path of the first that cannot be */
export function jsonPatch(target: JsonObject, operations: readonly JsonOperation[]): JsonObject {
  const patched = operations.reduce<JsonValue>(applied, target);
  if (!isObject(patched)) throw new DomainError("invalid", "The patch leaves no object.");
  return patched;
}

function applied(target: JsonValue, operation: JsonOperation): JsonValue {
  const { path } = operation;
  switch (operation.op) {
    case "add":
      return edited(target, path, (parent, name) => added(parent, name, operation.value));
    case "replace":
      existing(target, path);
      return edited(target, path, (parent, name) => replaced(parent, name, operation.value));
    case "remove":
      return removed(target, path);
    case "copy":
      return applied(target, { op: "add", path, value: existing(target, operation.from) });
    case "move": {
      const value = existing(target, operation.from);
      return applied(removed(target, operation.from), { op: "add", path, value });
    }
    case "test":
      if (!isDeepStrictEqual(existing(target, path), operation.value))
        throw nothingAt(path, "has another value");
      return target;
  }
}

const nothingAt = (path: Path, why = "is not there"): DomainError =>
  new DomainError("invalid", `/${path.join("/")} ${why}.`);

function existing(target: JsonValue, path: Path): JsonValue {
  let value: JsonValue | undefined = target;
  for (const part of path) {
    if (isList(value)) value = value[indexOf(value, part, value.length - 1)];
    else value = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
    if (value === undefined) throw nothingAt(path);
  }
  return value;
}

/** -1 for none. `-` is the place after the last. */
function indexOf(list: readonly JsonValue[], part: string, last: number): number {
  if (part === "-") return list.length;
  return /^(?:0|[1-9]\d*)$/u.test(part) && Number(part) <= last ? Number(part) : -1;
}

type Edit = (parent: readonly JsonValue[] | JsonObject, name: string) => JsonValue | undefined;

/** A copy in which `edit` made the parent of the path's last part anew. */
function edited(target: JsonValue, path: Path, edit: Edit, whole = path): JsonValue {
  const [name, ...rest] = path;
  if (name === undefined || (!isList(target) && !isObject(target))) throw nothingAt(whole);
  if (rest.length === 0) {
    const result = edit(target, name);
    if (result === undefined) throw nothingAt(whole);
    return result;
  }
  const child = edited(existing(target, [name]), rest, edit, whole);
  return replaced(target, name, child) ?? target;
}

function added(
  parent: readonly JsonValue[] | JsonObject,
  name: string,
  value: JsonValue,
): JsonValue | undefined {
  if (!isList(parent)) return { ...parent, [name]: value };
  const index = indexOf(parent, name, parent.length);
  return index < 0 ? undefined : parent.toSpliced(index, 0, value);
}

function replaced(
  parent: readonly JsonValue[] | JsonObject,
  name: string,
  value: JsonValue,
): JsonValue | undefined {
  if (!isList(parent)) return { ...parent, [name]: value };
  const index = indexOf(parent, name, parent.length - 1);
  return index < 0 || index >= parent.length ? undefined : parent.with(index, value);
}

function removed(target: JsonValue, path: Path): JsonValue {
  existing(target, path);
  return edited(target, path, (parent, name) => {
    if (isList(parent)) return parent.toSpliced(indexOf(parent, name, parent.length - 1), 1);
    const { [name]: _, ...others } = parent;
    return others;
  });
}
