import { randomUUID } from "node:crypto";
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import * as v from "valibot";
import { DomainError } from "../../../../core/errors.ts";
import type { StoredPart } from "../../../../core/ports/upload-sessions.ts";
import { syncDirectory } from "../../../files/durable.ts";
import { isMissing } from "../../../process/errors.ts";
import { noSuchUpload, takenNoMore } from "../../signed-part.ts";
import { removeFile } from "../incoming.ts";
import { DIRECTORY_MODE, FILE_MODE } from "../layout.ts";
import { Description } from "../trailer.ts";

/** What an upload is to become. */
const Facts = v.object({
  bucket: v.string(),
  key: v.string(),
  contentType: v.string(),
  metadata: v.record(v.string(), v.string()),
  /** Milliseconds since the epoch. */
  opened: v.number(),
});
export type Facts = v.InferOutput<typeof Facts>;

const Part = v.object({
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  etag: v.string(),
  /** The file beside `data` that has it; absent: it is where it belongs in `data`. */
  spare: v.optional(v.pipe(v.string(), v.regex(/^spare-[\w.-]+$/u))),
});
/** A part that has come whole. */
export type HeldPart = StoredPart & Pick<v.InferOutput<typeof Part>, "spare">;

/**
 * An upload in parts is a folder: `upload.json` says what it is to become, `data` has the parts where they belong in the
 * object, `parts/<number>` says of each part that has come whole where it is. Once it is being completed `parts` is
 * `closed`, so that no part comes any more, whoever was taking one. `done.json` describes the object that it has become.
 */
export function createFolder(uploads: string, id: string) {
  if (!/^[\w-]{1,64}$/u.test(id)) throw noSuchUpload();
  const top = path.join(uploads, id);
  const at = (name: string): string => path.join(top, name);
  return {
    id,
    top,
    at,
    data: at("data"),
    async make(facts: Facts): Promise<void> {
      await mkdir(at("parts"), { recursive: true, mode: DIRECTORY_MODE });
      await (await open(at("data"), "a", FILE_MODE)).close();
      await writeDurably(at("upload.json"), facts);
      await syncDirectory(path.dirname(uploads));
      await syncDirectory(uploads);
    },
    facts: async (): Promise<Facts | undefined> => await readJson(at("upload.json"), Facts),
    done: async (): Promise<Description | undefined> => await readJson(at("done.json"), Description),
    finish: async (description: Description): Promise<void> =>
      await writeDurably(at("done.json"), description),
    parts: async (): Promise<HeldPart[]> =>
      (await readParts(at("parts"))) ?? (await readParts(at("closed"))) ?? (await missing(top)),
    async keepPart(number: number, { size, etag, spare }: Omit<HeldPart, "number">): Promise<void> {
      const before = await readJson(at(`parts/${number}`), Part);
      await writeDurably(at(`parts/${number}`), { size, etag, spare }, at(`new-${randomUUID()}`)).catch(
        (error: unknown) => {
          throw isMissing(error) ? takenNoMore() : error;
        },
      );
      if (before?.spare !== undefined) await removeFile(at(before.spare));
    },
    part: async (number: number) => await readJson(at(`parts/${number}`), Part),
    /** From now on no part is kept. */
    async close(): Promise<void> {
      try {
        await rename(at("parts"), at("closed"));
        await syncDirectory(top);
      } catch (error) {
        if (!isMissing(error)) throw error;
        if (!(await exists(at("closed")))) throw noSuchUpload(error);
      }
    },
    takesParts: async (): Promise<boolean> => await exists(at("parts")),
    exists: async (): Promise<boolean> => await exists(top),
    /** The description goes last: what a crash leaves still says whose it is. */
    async remove(): Promise<void> {
      for (const name of await readdir(top).catch(noneIfMissing))
        if (name !== "upload.json") await rm(at(name), { recursive: true, force: true, maxRetries: 3 });
      await rm(top, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
export type Folder = ReturnType<typeof createFolder>;

/** Every upload that has a folder, with when it was opened. */
export async function* listFolders(
  uploads: string,
): AsyncGenerator<{ id: string; facts?: Facts; opened: number }> {
  for (const id of await readdir(uploads).catch(noneIfMissing)) {
    const folder = createFolder(uploads, id);
    const facts = await folder.facts();
    if (facts !== undefined) yield { id, facts, opened: facts.opened };
    else if (await folder.exists()) yield { id, opened: (await stat(folder.top)).mtimeMs };
  }
}

async function missing(top: string): Promise<never> {
  throw (await exists(top))
    ? new DomainError("unavailable", "An upload's parts cannot be read.")
    : noSuchUpload();
}

async function readParts(directory: string): Promise<HeldPart[] | undefined> {
  try {
    const numbers = (await readdir(directory)).map(Number).sort((a, b) => a - b);
    const parts = await Promise.all(
      numbers.map(async (number) => {
        const part = await readJson(path.join(directory, String(number)), Part);
        return part && { number, ...part };
      }),
    );
    return parts.filter((part) => part !== undefined);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readJson<T>(file: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
  try {
    return v.parse(v.pipe(v.string(), v.parseJson(), schema), await readFile(file, "utf8"));
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (!v.isValiError(error)) throw error;
    throw new DomainError("unavailable", "What is known of an upload is damaged.", { cause: error });
  }
}

/** All of it or nothing is there after a crash. */
async function writeDurably(
  file: string,
  value: unknown,
  draft = `${file}.new-${randomUUID()}`,
): Promise<void> {
  const handle = await open(draft, "wx", FILE_MODE);
  try {
    await handle.writeFile(JSON.stringify(value));
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await rename(draft, file);
  } catch (error) {
    await removeFile(draft);
    throw error;
  }
  await syncDirectory(path.dirname(file));
}

async function exists(place: string): Promise<boolean> {
  return await access(place).then(
    () => true,
    () => false,
  );
}

function noneIfMissing(error: unknown): string[] {
  if (isMissing(error)) return [];
  throw error;
}
