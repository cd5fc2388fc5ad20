import * as v from "valibot";

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: JsonValue;
}

export const JsonValue: v.GenericSchema<JsonValue> = v.lazy(() =>
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(JsonValue), JsonObject]),
);
export const JsonObject: v.GenericSchema<JsonObject> = v.lazy(() =>
  v.pipe(
    v.record(v.string(), JsonValue),
    v.check((value) => !Array.isArray(value), "is a list"),
  ),
);

export const isList = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value);

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !isList(value);
