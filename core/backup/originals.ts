import type { LogLine, ObjectLine } from "./format.ts";
import type { BackupRecord } from "./check.ts";

/** An object that is to be brought; its digests may not be known yet. */
export type OriginalObject = Omit<ObjectLine, "md5" | "sha256"> & Partial<Pick<ObjectLine, "md5" | "sha256">>;
export type OriginalLog = Omit<LogLine, "sha256">;

/** What is brought into a store. It stays the same meanwhile, and `file` names each content once. */
export interface Originals {
  /** As messages call it. */
  readonly called: string;
  readonly recordCount: number;
  /** In the order in which they are to be listed; may be asked for again. */
  records(): AsyncIterable<BackupRecord> | Iterable<BackupRecord>;
  readonly objects: readonly OriginalObject[];
  readonly logs: readonly OriginalLog[];
  /** With all that is known of the object once it has been read. */
  complete(object: OriginalObject): Promise<ObjectLine>;
  /** These, one after the other; each body is to be read once, before the next is asked for. */
  contents(
    files: ReadonlySet<string>,
  ): AsyncIterable<{ readonly file: string; readonly body: AsyncIterable<Uint8Array> }>;
}
