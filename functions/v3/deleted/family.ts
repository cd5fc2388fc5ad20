import * as v from "valibot";
import type { Ims } from "../../../core/ims.ts";
import { endpoint, type Endpoint } from "../../http/endpoint.ts";
import { oneOf } from "../../http/fields.ts";

/** The one thing that can be done to what is in the trash by PATCH (behaviour 35). */
const Undelete = v.strictObject({ operation: oneOf(["undelete"]) });

/** What the six operations on one kind of deleted records need to know of it. */
interface Family {
  /** As in operationIds: `image` and `images`. */
  readonly one: string;
  readonly many: string;
  readonly noun: string;
  readonly path: `/v3/deleted/${string}`;
  readonly idName: string;
  readonly shape: v.GenericSchema;
  readonly records: (ims: Ims) => {
    list(): Promise<unknown[]>;
    get(id: string): Promise<unknown>;
    restore(id: string): Promise<void>;
    restoreAll(): Promise<void>;
    purge(id: string): Promise<void>;
    purgeAll(): Promise<void>;
  };
}

/** The six operations on deleted records of one kind, written once. */
export function deletedFamily(family: Family) {
  const { one, many, noun, path, idName, shape, records } = family;
  const common = { tag: "deleted" } as const;
  const onePath = `${path}/{${idName}}` as const;
  const idOf = (params: Readonly<Record<string, string>>) => params[idName] ?? "";
  const list: Endpoint = endpoint({
    ...common,
    operation: `get_all_v3_deleted_${many}`,
    summary: `List all deleted ${noun} records`,
    method: "get",
    path,
    role: "reader",
    returns: v.array(shape),
    status: 200,
    run: ({ ims }) => records(ims).list(),
  });
  const get: Endpoint = endpoint({
    ...common,
    operation: `get_v3_deleted_${one}`,
    summary: `Get a deleted ${noun} record`,
    method: "get",
    path: onePath,
    role: "reader",
    returns: shape,
    status: 200,
    run: ({ ims, params }) => records(ims).get(idOf(params)),
  });
  const restoreAll: Endpoint = endpoint({
    ...common,
    operation: `patch_all_v3_deleted_${many}`,
    summary: `Restore every deleted ${noun} record`,
    method: "patch",
    path,
    role: "admin",
    body: Undelete,
    status: 204,
    run: ({ ims }) => records(ims).restoreAll(),
  });
  const restore: Endpoint = endpoint({
    ...common,
    operation: `patch_v3_deleted_${one}`,
    summary: `Restore a deleted ${noun} record`,
    method: "patch",
    path: onePath,
    role: "admin",
    body: Undelete,
    status: 204,
    exists: ({ ims, params }) => records(ims).get(idOf(params)),
    run: ({ ims, params }) => records(ims).restore(idOf(params)),
  });
  const purgeAll: Endpoint = endpoint({
    ...common,
    operation: `delete_all_v3_deleted_${many}`,
    summary: `Delete every deleted ${noun} record for good`,
    method: "delete",
    path,
    role: "admin",
    problems: [422],
    status: 204,
    run: ({ ims }) => records(ims).purgeAll(),
  });
  const purge: Endpoint = endpoint({
    ...common,
    operation: `delete_v3_deleted_${one}`,
    summary: `Delete a deleted ${noun} record for good`,
    method: "delete",
    path: onePath,
    role: "admin",
    problems: [422],
    status: 204,
    run: ({ ims, params }) => records(ims).purge(idOf(params)),
  });
  return { list, get, restoreAll, restore, purgeAll, purge };
}
