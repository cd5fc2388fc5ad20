import * as v from "valibot";
import type { Json } from "../../../core/json.ts";
import type { Ims } from "../../../core/ims.ts";
import { eachRecord } from "../../http/each-record.ts";
import { endpoint, type Uses } from "../../http/endpoint.ts";
import { members, oneOf } from "../../http/fields.ts";

/** The one thing that can be done to what is in the trash by PATCH (behaviour 35). */
const Undelete = members({ operation: oneOf(["undelete"]) });

/** What the six operations on one kind of deleted records need to know of it. */
interface Family {
  /** As in operationIds: `image` and `images`. */
  readonly one: string;
  readonly many: string;
  readonly noun: string;
  readonly path: `/v3/deleted/${string}`;
  readonly idName: string;
  readonly shape: v.GenericSchema;
  /** Of the operations that change something. */
  readonly uses: Uses;
  readonly records: (ims: Ims) => {
    list(): Promise<Json<unknown[]>>;
    get(id: string): Promise<Json<unknown>>;
    restore(id: string): Promise<void>;
    restoreAll(): Promise<void>;
    purge(id: string): Promise<void>;
    purgeAll(): Promise<void>;
  };
}

const tag = "deleted";

function onePath({ path, idName }: Family) {
  return `${path}/{${idName}}` as const;
}

function readers(family: Family) {
  const { one, many, noun, path, idName, shape, records } = family;
  const list = endpoint({
    operation: `get_all_v3_deleted_${many}`,
    summary: `List all deleted ${noun} records`,
    tag,
    method: "get",
    path,
    role: "reader",
    uses: { records: "read" },
    returns: v.array(shape),
    status: 200,
    run: ({ ims }) => records(ims).list(),
  });
  const get = endpoint({
    operation: `get_v3_deleted_${one}`,
    summary: `Get a deleted ${noun} record`,
    tag,
    method: "get",
    path: onePath(family),
    role: "reader",
    uses: { records: "read" },
    returns: shape,
    status: 200,
    run: ({ ims, params }) => records(ims).get(idOf(params, idName)),
  });
  return { list, get };
}

function idOf(params: Readonly<Record<string, string>>, idName: string): string {
  return params[idName] ?? "";
}

function restorers(family: Family) {
  const { one, many, noun, path, idName, records, uses } = family;
  const restoreAll = endpoint({
    operation: `patch_all_v3_deleted_${many}`,
    summary: `Restore every deleted ${noun} record`,
    ...eachRecord,
    tag,
    method: "patch",
    path,
    role: "admin",
    uses,
    body: Undelete,
    status: 204,
    run: ({ ims }) => records(ims).restoreAll(),
  });
  const restore = endpoint({
    operation: `patch_v3_deleted_${one}`,
    summary: `Restore a deleted ${noun} record`,
    tag,
    method: "patch",
    path: onePath(family),
    role: "admin",
    uses,
    body: Undelete,
    status: 204,
    exists: ({ ims, params }) => records(ims).get(idOf(params, idName)),
    run: ({ ims, params }) => records(ims).restore(idOf(params, idName)),
  });
  return { restoreAll, restore };
}

function purgers(family: Family) {
  const { one, many, noun, path, idName, records, uses } = family;
  const purgeAll = endpoint({
    operation: `delete_all_v3_deleted_${many}`,
    summary: `Delete every deleted ${noun} record for good`,
    ...eachRecord,
    tag,
    method: "delete",
    path,
    role: "admin",
    uses,
    status: 204,
    run: ({ ims }) => records(ims).purgeAll(),
  });
  const purge = endpoint({
    operation: `delete_v3_deleted_${one}`,
    summary: `Delete a deleted ${noun} record for good`,
    tag,
    method: "delete",
    path: onePath(family),
    role: "admin",
    uses,
    problems: [422],
    status: 204,
    run: ({ ims, params }) => records(ims).purge(idOf(params, idName)),
  });
  return { purgeAll, purge };
}

/** The six operations on deleted records of one kind, written once. */
export function deletedFamily(family: Family) {
  return { ...readers(family), ...restorers(family), ...purgers(family) };
}
