import { getJson } from "../collection.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import type { RecordValue } from "../records.ts";
import { forEachRecord } from "./each-record.ts";
import { changeSides, type Departure } from "./trash.ts";

export type DeletedKind = "deleted-image" | "deleted-recipe" | "deleted-public-key";

/** What people may do with what is in the trash. */
export interface DeletedRecords<K extends DeletedKind> {
  list(): Promise<Json<RecordValue<K>[]>>;
  get(id: string): Promise<Json<RecordValue<K>>>;
  /** Back to the live records, with its id, its creation time and its objects; at the end of the list (behaviour 15). */
  restore(id: string): Promise<void>;
  restoreAll(): Promise<void>;
  /** For good, with its objects. */
  purge(id: string): Promise<void>;
  purgeAll(): Promise<void>;
}

/** How records of one kind come back and how they go for good. Both read the record anew: they may run several times. */
export interface ReturnRules {
  restore(id: string): Promise<Departure>;
  purge(id: string): Promise<Departure>;
}

export function createDeletedRecords<K extends DeletedKind>(
  ports: CorePorts,
  kind: K,
  rules: ReturnRules,
): DeletedRecords<K> {
  const restore = (id: string, patience?: number) =>
    changeSides(ports, id, () => rules.restore(id), patience);
  const purge = (id: string, patience?: number) => changeSides(ports, id, () => rules.purge(id), patience);
  return {
    list: () => ports.records.listJson(kind),
    get: (id) => getJson(ports.records, kind, id),
    restore: (id) => restore(id),
    restoreAll: () => forEachRecord(ports, kind, restore),
    purge: (id) => purge(id),
    purgeAll: () => forEachRecord(ports, kind, purge),
  };
}
