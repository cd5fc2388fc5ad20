import type { RecordKind } from "../records.ts";
import type { Stored } from "./records.ts";

/** A record of any kind. */
export type AnyRecord = { [K in RecordKind]: Stored<K> & { readonly kind: K } }[RecordKind];

/** All records at once, for backups. */
export interface RecordsSnapshots {
  /**
   * Whether a snapshot shows all records as of one moment. If not, each shows as it was when reading got there, and one
   * that a commit turns into another kind meanwhile may show as both or as neither.
   */
  readonly areOfOneMoment: boolean;

  /** Every record, by kinds, each kind in the order of its insertion. Others go on reading and writing. */
  take(): AsyncIterable<AnyRecord>;
}
