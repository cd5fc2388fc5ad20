import type { Json } from "../json.ts";
import type { RecordKind, RecordValue } from "../records.ts";

/** A record as the store has it. `version` starts at 1 and grows by 1 with each replacement. */
export interface Stored<K extends RecordKind> {
  readonly id: string;
  readonly version: number;
  readonly value: RecordValue<K>;
}

export interface Page<K extends RecordKind> {
  readonly records: readonly Stored<K>[];
  /** Where the next page starts; absent on the last page. Opaque. */
  readonly next?: string;
}

export interface PageRequest {
  readonly after?: string;
  /** At most this many records; a store may answer fewer and a `next`. Without it the store chooses. */
  readonly limit?: number;
}

type ChangeOf<K extends RecordKind> =
  | { readonly op: "insert"; readonly kind: K; readonly id: string; readonly value: RecordValue<K> }
  | {
      readonly op: "replace";
      readonly kind: K;
      readonly id: string;
      readonly version: number;
      readonly value: RecordValue<K>;
    }
  | { readonly op: "remove"; readonly kind: K; readonly id: string; readonly version: number };

/** One step of a commit: what to do, and the version it is based on (`insert`: no record with this kind and id). */
export type Change = { [K in RecordKind]: ChangeOf<K> }[RecordKind];

/**
 * Where records live. What an answer says is durable: it survives kill -9 and loss of power.
 *
 * Errors: `lost-race` (only from `commit`; so are `invalid`, `too-large` and `conflict`), `unavailable` (the store cannot be reached, is broken, or closed),
 * `storage-full`.
 */
export interface Records {
  /** The record as of the last commit that was answered; `undefined` when there is none. */
  get<K extends RecordKind>(kind: K, id: string): Promise<Stored<K> | undefined>;

  /**
   * All records of one kind in the order of their insertion (a replacement keeps its place); shows every commit that
   * was answered before the call. Records inserted or removed between two pages may or may not show, no record shows
   * twice.
   */
  list<K extends RecordKind>(kind: K, page?: PageRequest): Promise<Page<K>>;

  /** The value of a record as JSON: what `get` answers of it, for callers that pass it on as it is. */
  getJson<K extends RecordKind>(kind: K, id: string): Promise<Json<RecordValue<K>> | undefined>;

  /**
   * The values of all records of one kind as a JSON array: what `list` answers of them over all its pages. Of the
   * replacements that one commit makes it shows all or none.
   */
  listJson<K extends RecordKind>(kind: K): Promise<Json<RecordValue<K>[]>>;

  /**
   * Applies all changes, or none: `lost-race` when any of them finds another version than it names (or, for an insert,
   * a record that exists; for the others, none). Two changes of one record in one commit are refused as `invalid`.
   * Resolves when the changes are durable. An empty list does nothing.
   *
   * A store may apply more than 100 changes, or values of more than 3 MB together, in several such steps, in the order
   * given, each record's change whole. Should a later step lose a race, the earlier ones stay and it is `conflict`; after
   * that or a crash the same commit goes on where it ended. `too-large`: a single value that no step can hold.
   */
  commit(changes: readonly Change[]): Promise<void>;

  /** Proves that the store can be read and written now. @throws `unavailable` or `storage-full` with the reason. */
  check(): Promise<void>;

  /** Finishes the commits under way and lets go of the store; later calls throw `unavailable`. */
  close(): Promise<void>;
}
