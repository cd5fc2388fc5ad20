import { mkdir, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../../core/errors.ts";
import { asDomainError } from "../../process/errors.ts";
import { createNotes } from "./agent-note.ts";
import type { Notes } from "./agent-note.ts";

const CLAIMS = ".claims";
const NOTES = ".agents";
const TRASH = ".trash";

/** Where a job's work is, and what is known of it. */
export interface JobPlace {
  readonly jobId: string;
  /** The work folder, without links. */
  readonly folder: string;
  readonly claims: string;
  readonly trash: string;
  readonly notes: Notes;
}

export async function placeOf(workRoot: string, jobId: string): Promise<JobPlace> {
  const root = await openRoot(workRoot);
  const id = safeName(jobId);
  return {
    jobId: id,
    folder: join(root, id),
    claims: join(root, CLAIMS),
    trash: trashOf(root),
    notes: createNotes(join(root, NOTES)),
  };
}

export function trashOf(root: string): string {
  return join(root, TRASH);
}

/** Ids of the jobs that have a folder or a note below this root. */
export async function knownJobs(root: string): Promise<readonly string[]> {
  return [...(await foldersIn(root)), ...(await createNotes(join(root, NOTES)).list())];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/u;

/** A job's id becomes the name of a folder that is removed later. */
function safeName(jobId: string): string {
  if (NAME.test(jobId)) return jobId;
  throw new DomainError("invalid", "This is no id of a job.");
}

/** mountinfo and /proc know folders by their real paths only. */
export async function openRoot(workRoot: string): Promise<string> {
  try {
    await mkdir(workRoot, { recursive: true, mode: 0o700 });
    return await realpath(workRoot);
  } catch (error) {
    throw asDomainError(error, "The folder of running jobs cannot be used.");
  }
}

async function foldersIn(root: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && NAME.test(entry.name)).map(({ name }) => name);
  } catch (error) {
    throw asDomainError(error, "The folder of running jobs cannot be read.");
  }
}
