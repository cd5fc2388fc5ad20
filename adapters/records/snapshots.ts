import type { Records } from "../../core/ports/records.ts";
import type { AnyRecord, RecordsSnapshots } from "../../core/ports/records-snapshots.ts";
import { RECORD_KINDS, type RecordKind } from "../../core/records.ts";

const PAGE_RECORDS = 500;

/** Page by page, for a store that cannot show all of its records as of one moment. */
export function createPagedSnapshots(records: Records): RecordsSnapshots {
  return {
    areOfOneMoment: false,
    async *take() {
      for (const kind of RECORD_KINDS) yield* all(records, kind);
    },
  };
}

async function* all(records: Records, kind: RecordKind): AsyncGenerator<AnyRecord> {
  let after: string | undefined;
  do {
    const page = await records.list(kind, { limit: PAGE_RECORDS, ...(after === undefined ? {} : { after }) });
    for (const record of page.records) yield ofKind(kind, record);
    after = page.next;
  } while (after !== undefined);
}

/** A list of one kind has records of that kind, which the union of all kinds cannot be told. */
export function ofKind(kind: RecordKind, record: Omit<AnyRecord, "kind">): AnyRecord {
  // oxlint-disable-next-line no-unsafe-type-assertion -- parsed by the schema of its kind
  return { kind, id: record.id, version: record.version, value: record.value } as AnyRecord;
}
