import * as v from "valibot";
import { CONTENT_NAME, decodeValue, encodeValue } from "../metadata.ts";

/** What was found out of a content as it came in. */
export interface ContentNote {
  readonly md5: string;
  readonly sha256: string;
  /** UTC, ISO 8601. S3's own time has no parts of a second and changes with each move. */
  readonly modified: string;
}

/** How it is written: `1/<md5>/<sha256>/<modified>/<whose md5sum>/<ETag or nothing>`. All of it may be in a tag. */
const Written = v.pipe(
  v.string(),
  v.regex(/^1\/[0-9a-f]{32}\/[0-9a-f]{64}\/[\d:.TZ-]{20,30}\/[og]\/[\w-]*$/u),
  v.transform((text) => text.split("/")),
  v.tuple([
    v.literal("1"),
    v.string(),
    v.string(),
    v.pipe(v.string(), v.isoTimestamp()),
    v.string(),
    v.string(),
  ]),
  v.transform(([, md5, sha256, modified, md5sum, etag]) => ({ md5, sha256, modified, md5sum, etag })),
);

/** Clients of the original look for an object's MD5 here; it is written for them where the caller says nothing. */
const MD5SUM = "md5sum";

function write({ md5, sha256, modified }: ContentNote, ownMd5sum: boolean, etag: string): string {
  return ["1", md5, sha256, modified, ownMd5sum ? "o" : "g", etag].join("/");
}

/** User metadata as headers have it, with the note among them when there is one. */
export function encodeMetadata(
  metadata: Readonly<Record<string, string>>,
  note: ContentNote | undefined,
): Record<string, string> {
  const encoded = Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, encodeValue(value)]),
  );
  if (note === undefined) return encoded;
  const own = metadata[MD5SUM] === undefined;
  return { ...encoded, ...(own ? { [MD5SUM]: note.md5 } : {}), [CONTENT_NAME]: write(note, own, "") };
}

export interface ReadMetadata {
  /** Without what the store added for itself and for others. */
  readonly metadata: Record<string, string>;
  readonly note: ContentNote | undefined;
}

export function decodeMetadata(headers: Readonly<Record<string, string>>): ReadMetadata {
  const { [CONTENT_NAME]: text, ...others } = headers;
  const written = v.safeParse(Written, text);
  const entries = Object.entries(others)
    .filter(([name]) => !(name === MD5SUM && written.success && written.output.md5sum === "o"))
    .map(([name, value]) => [name.toLowerCase(), decodeValue(value)]);
  return {
    metadata: Object.fromEntries(entries),
    note: written.success ? noteOf(written.output) : undefined,
  };
}

/** As a tag's value, for a content whose digests were known only at its end: good for the object with this ETag alone. */
export function encodeTag(note: ContentNote, etag: string): { Key: string; Value: string } {
  return { Key: CONTENT_NAME, Value: write(note, true, etag) };
}

export interface Tag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

export function noteAmong(tags: readonly Tag[], etag: string): ContentNote | undefined {
  const written = v.safeParse(Written, tags.find(isNote)?.Value);
  return written.success && written.output.etag === etag ? noteOf(written.output) : undefined;
}

export const isNote = ({ Key }: Tag): boolean => Key === CONTENT_NAME;

const noteOf = ({ md5, sha256, modified }: v.InferOutput<typeof Written>): ContentNote => ({
  md5,
  sha256,
  modified,
});
