/** Lower-case hex. */
export interface Digests {
  readonly md5: string;
  readonly sha256: string;
}

/** Where a backup is written to: entries one after the other. What is not finished is not there. */
export interface BackupTarget {
  /** Stores what the body has. @throws `invalid` when that is not `size` bytes; what the body throws */
  write(name: string, size: number, body: AsyncIterable<Uint8Array>): Promise<Digests>;
  /** All of it is durable, and from now on there. */
  finish(): Promise<void>;
  /** Removes what was written; nothing happens once it is finished. */
  discard(): Promise<void>;
}

export interface BackupEntry {
  readonly name: string;
  readonly size: number;
  /** To be read once, before the next entry is asked for, or not at all. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Of the body, once all of it has been read. */
  digests(): Digests;
}

/** A backup that is read, as often as it is asked for. */
export interface BackupSource {
  /** In the order in which they were written. @throws `invalid` for what is no backup or breaks off */
  entries(): AsyncIterable<BackupEntry>;
}
