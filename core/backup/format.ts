import * as v from "valibot";

/**
 * What a backup consists of. Its entries come in this order: logs, objects, records, the indexes, the manifest, and the
 * digest of the manifest, without which it is not whole. Entries that neither manifest nor indexes name count for
 * nothing: records are written anew when they changed meanwhile.
 */
export const FORMAT = "ims-backup";
export const FORMAT_VERSION = 1;
export const MANIFEST = "manifest.json";
export const MANIFEST_DIGEST = "manifest.sha256";

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u));
const Md5 = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/u));

/** A part of something that is kept as lines of JSON. */
export const Piece = v.object({ file: v.string(), size: Size, sha256: Sha256 });
export type Piece = v.InferOutput<typeof Piece>;

export const Manifest = v.object({
  format: v.literal(FORMAT),
  version: v.literal(FORMAT_VERSION),
  service_version: v.string(),
  created: v.string(),
  records: v.object({
    pieces: v.array(Piece),
    /** Of each kind. */
    counts: v.record(v.string(), Size),
    /** Whether all of them are as they were at one moment. */
    of_one_moment: v.boolean(),
  }),
  /** Absent when they were left out. `agree_with_records`: nothing moved between them and the records. */
  objects: v.optional(
    v.object({ pieces: v.array(Piece), count: Size, bytes: Size, agree_with_records: v.boolean() }),
  ),
  logs: v.optional(v.object({ pieces: v.array(Piece), count: Size, bytes: Size })),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** An object, and the entry with its content; several objects may have one. */
export const ObjectLine = v.object({
  file: v.string(),
  bucket: v.string(),
  key: v.string(),
  size: Size,
  etag: v.string(),
  md5: Md5,
  sha256: Sha256,
  content_type: v.string(),
  metadata: v.record(v.string(), v.string()),
  /** Of the parts that the ETag is made of, where they are known: a size, and how many parts in a row have it. */
  part_sizes: v.optional(v.array(v.tuple([Size, Size]))),
});
export type ObjectLine = v.InferOutput<typeof ObjectLine>;

/** A job's log: its streams one after the other. */
export const LogLine = v.object({
  file: v.string(),
  job: v.string(),
  streams: v.array(v.object({ stream: Size, size: Size })),
  size: Size,
  sha256: Sha256,
});
export type LogLine = v.InferOutput<typeof LogLine>;

/** A record; its value is parsed by its kind. */
export const RecordLine = v.object({ kind: v.string(), id: v.string(), value: v.unknown() });

/** What is going on, for whoever waits. Ends the work by throwing. */
export type BackupProgress = (doing: {
  readonly what: string;
  readonly done: number;
  readonly of?: number;
  /** Of the one that is under way. */
  readonly bytes?: number;
}) => void;
