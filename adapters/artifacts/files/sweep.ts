import type { Clock } from "../../../core/ports/clock.ts";
import { knowOwners, type Owners } from "../../files/owner.ts";
import { asDomainError } from "../../process/errors.ts";
import { fileFacts, listIncoming, removeFile } from "./incoming.ts";
import { createLayout } from "./layout.ts";

export interface SweepConfig {
  readonly root: string;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds without a byte after which an upload of a process that cannot be seen from here is given up. */
  readonly staleAfter?: number;
}

export interface Swept {
  readonly files: number;
  readonly bytes: number;
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Removes what uploads left behind that a crash broke off: at once when their process was one of this machine and has
 * ended, else after a day without a byte. Never takes anything from an upload that goes on, whichever process has it;
 * one that was given up wrongly fails as a whole.
 */
export async function sweepFileArtifacts(config: SweepConfig): Promise<Swept> {
  try {
    return await sweep(createLayout(config.root).incoming, config);
  } catch (error) {
    throw asDomainError(error, "What broken uploads left could not be removed.");
  }
}

async function sweep(directory: string, { clock, staleAfter = DAY }: SweepConfig): Promise<Swept> {
  const owners = await knowOwners();
  let [files, bytes] = [0, 0];
  for (const { path, owner } of await listIncoming(directory)) {
    const facts = await fileFacts(path);
    if (facts === undefined) continue;
    const isLeft = await isLeftBehind(owner, owners, clock.now() - facts.modified > staleAfter);
    if (!isLeft || !(await removeFile(path))) continue;
    files += 1;
    bytes += facts.size;
  }
  return { files, bytes };
}

async function isLeftBehind(owner: string, owners: Owners, isStale: boolean): Promise<boolean> {
  return owner !== owners.self && (isStale || (await owners.hasEnded(owner)));
}
