import { randomUUID } from "node:crypto";
import { type FileHandle, open, readdir, readlink, rename, symlink } from "node:fs/promises";
import { knowOwners } from "../../../files/owner.ts";
import { codeOf, isMissing } from "../../../process/errors.ts";
import { noSuchUpload } from "../../signed-part.ts";
import { removeFile } from "../incoming.ts";
import { FILE_MODE } from "../layout.ts";
import type { Folder } from "./folder.ts";

/** Where a part that comes is written. */
export interface PartPlace {
  readonly file: FileHandle;
  readonly start: number;
  /** Of a part that has come before: a file of its own, so that what is there stays whole until this is. */
  readonly spare?: string;
  /** Nothing is written there any more. */
  over(kept: boolean): Promise<void>;
}

const OVER = "over";

/**
 * The first who sends a part writes it where it belongs, and nobody ever writes there again; all others get a file of
 * their own. The claim is a link that points to its owner: it comes with what it says, or not at all.
 */
export async function claimPlace(folder: Folder, number: number, partBytes: number): Promise<PartPlace> {
  try {
    const isFirst = (await claim(folder, number)) && (await folder.part(number)) === undefined;
    return isFirst ? await openInPlace(folder, number, partBytes) : await openSpare(folder, number);
  } catch (error) {
    throw isMissing(error) ? noSuchUpload(error) : error;
  }
}

async function claim(folder: Folder, number: number): Promise<boolean> {
  try {
    await symlink((await knowOwners()).self, folder.at(`claim-${number}`));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function openInPlace(folder: Folder, number: number, partBytes: number): Promise<PartPlace> {
  const file = await open(folder.data, "r+");
  return {
    file,
    start: (number - 1) * partBytes,
    async over() {
      await file.close();
      const draft = folder.at(`new-${randomUUID()}`);
      try {
        await symlink(OVER, draft);
        await rename(draft, folder.at(`claim-${number}`));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
  };
}

async function openSpare(folder: Folder, number: number): Promise<PartPlace> {
  const spare = `spare-${number}-${randomUUID()}`;
  const file = await open(folder.at(spare), "wx", FILE_MODE);
  return {
    file,
    start: 0,
    spare,
    async over(kept) {
      await file.close();
      if (!kept) await removeFile(folder.at(spare));
    },
  };
}

/**
 * Whether somebody may still write where a part belongs: a process that is not this one, whose own writers are told to
 * stop, and that has not surely ended.
 */
export async function mayBeWritten(folder: Folder): Promise<boolean> {
  const owners = await knowOwners();
  for (const name of await readdir(folder.top)) {
    if (!name.startsWith("claim-")) continue;
    const owner = await readlink(folder.at(name));
    if (owner !== OVER && owner !== owners.self && !(await owners.hasEnded(owner))) return true;
  }
  return false;
}
