import * as v from "valibot";
import { DomainError } from "../errors.ts";
import type { BackupEntry, BackupSource, Digests } from "../ports/backup.ts";
import { parseRecord, RECORD_KINDS, type RecordKind, type RecordValue } from "../records.ts";
import {
  type BackupProgress,
  FORMAT_VERSION,
  LogLine,
  Manifest,
  MANIFEST,
  MANIFEST_DIGEST,
  ObjectLine,
  type Piece,
  RecordLine,
} from "./format.ts";
import { linesOf, textOf, watched } from "./lines.ts";

/** A backup that is whole: every byte is as it was written, and every record can be read. */
export interface CheckedBackup {
  readonly manifest: Manifest;
  readonly objects: readonly ObjectLine[];
  readonly logs: readonly LogLine[];
}

/** What was found of an entry; the text of those that are read as one. */
type Found = ReadonlyMap<string, Digests & { readonly size: number; readonly text?: string }>;

/** Reads all of it. @throws `invalid` saying what is wrong */
export async function checkBackup(source: BackupSource, progress: BackupProgress): Promise<CheckedBackup> {
  const found = await readAll(source, progress);
  const manifest = manifestOf(found);
  for (const piece of manifest.records.pieces) checkPiece(found, piece);
  const objects = parsed(ObjectLine, found, manifest.objects?.pieces);
  const logs = parsed(LogLine, found, manifest.logs?.pieces);
  for (const line of [...objects, ...logs]) checkPiece(found, line);
  for (const { file, md5 } of objects) if (found.get(file)?.md5 !== md5) throw damaged(file);
  return { manifest, objects, logs };
}

async function readAll(source: BackupSource, progress: BackupProgress): Promise<Found> {
  const found = new Map<string, Digests & { size: number; text?: string }>();
  let done = 0;
  for await (const entry of source.entries()) {
    const body = watched(entry.body, (bytes) => progress({ what: "bytes checked", done: done + bytes }));
    const text = await textOrNothing({ name: entry.name, body });
    found.set(entry.name, { ...entry.digests(), size: entry.size, ...(text === undefined ? {} : { text }) });
    done += entry.size;
  }
  return found;
}

/** Records are parsed at once and not kept, and contents are not looked into. */
async function textOrNothing({
  name,
  body,
}: Pick<BackupEntry, "name" | "body">): Promise<string | undefined> {
  if (name.startsWith("records/")) {
    for (const line of linesOf(await textOf(body))) parseRecordLine(line, name);
    return undefined;
  }
  if (!name.startsWith("objects/") && !name.startsWith("logs/")) return await textOf(body);
  for await (const bytes of body) void bytes;
  return undefined;
}

function manifestOf(found: Found): Manifest {
  const manifest = found.get(MANIFEST);
  const digest = found.get(MANIFEST_DIGEST)?.text;
  if (manifest?.text === undefined || digest === undefined)
    throw new DomainError("invalid", "This is no whole backup: it has no manifest at its end.");
  if (digest !== `${manifest.sha256}  ${MANIFEST}\n`) throw damaged(MANIFEST);
  const json = jsonOf(manifest.text, MANIFEST);
  const version = v.safeParse(v.object({ version: v.number() }), json);
  if (version.success && version.output.version > FORMAT_VERSION)
    throw new DomainError(
      "invalid",
      `The backup has version ${version.output.version} of the format, and this service knows ${FORMAT_VERSION}: a newer service made it.`,
    );
  const parsed = v.safeParse(Manifest, json);
  if (!parsed.success) throw damaged(MANIFEST);
  return parsed.output;
}

function checkPiece(found: Found, { file, size, sha256 }: Piece): void {
  const entry = found.get(file);
  if (entry === undefined) throw new DomainError("invalid", `The backup is not whole: ${file} is missing.`);
  if (entry.size !== size || entry.sha256 !== sha256) throw damaged(file);
}

function parsed<T>(
  schema: v.GenericSchema<unknown, T>,
  found: Found,
  pieces: readonly Piece[] | undefined,
): T[] {
  return (pieces ?? []).flatMap((piece) => {
    checkPiece(found, piece);
    return linesOf(found.get(piece.file)?.text ?? "").map((line) => {
      const result = v.safeParse(schema, jsonOf(line, piece.file));
      if (!result.success) throw damaged(piece.file);
      return result.output;
    });
  });
}

export interface BackupRecord<K extends RecordKind = RecordKind> {
  readonly kind: K;
  readonly id: string;
  readonly value: RecordValue<K>;
}

/** @throws `invalid` for a record that this version of the service does not know */
export function parseRecordLine(line: string, file: string): BackupRecord {
  const parsed = v.safeParse(RecordLine, jsonOf(line, file));
  if (!parsed.success) throw damaged(file);
  const { id, value } = parsed.output;
  const kind = RECORD_KINDS.find((known) => known === parsed.output.kind);
  if (kind === undefined)
    throw new DomainError(
      "invalid",
      `The backup has records of a kind that this version of the service does not know: ${parsed.output.kind}.`,
    );
  return { kind, id, value: parseRecord(kind, id, value) };
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DomainError("invalid", `The backup is damaged at ${file}.`, { cause });
  }
}

function damaged(file: string): DomainError {
  return new DomainError("invalid", `The backup is damaged at ${file}.`);
}
