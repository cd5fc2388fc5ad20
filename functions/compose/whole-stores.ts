import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { createPagedSnapshots } from "../../adapters/records/snapshots.ts";
import { createSqliteSnapshots } from "../../adapters/records/sqlite-snapshots.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import type { ImportPorts } from "../../core/backup/bring-in.ts";
import { DomainError } from "../../core/errors.ts";
import type { RecordsSnapshots } from "../../core/ports/records-snapshots.ts";
import type { Config } from "../config.ts";
import { openArtifacts, openJobLogs, openRecords, prepareStorage, sqliteFile } from "./stores.ts";

export type Contents = Pick<ImportPorts, "artifacts" | "logs">;

/** All of the store that the configuration describes, for as long as it is used. */
export async function withStores<T>(config: Config, use: (stores: ImportPorts) => Promise<T>): Promise<T> {
  await prepareStorage(config);
  const records = await openRecords(config);
  try {
    return await use({ records, ...(await openContents(config)) });
  } finally {
    await records.close();
  }
}

/** Objects and logs of a store that signs no URLs. */
export async function openContents(config: Config): Promise<Contents> {
  const signer = createHmacSigner(randomBytes(32));
  const options = { signer, publicUrl: () => "", clock: createSystemClock() };
  const { artifacts } = await openArtifacts(config, options);
  return { artifacts, logs: await openJobLogs(config) };
}

export interface SourceStores extends Contents {
  readonly snapshots: RecordsSnapshots;
}

/**
 * All of a store that is only read. What is not there is not made: a wrong name must not look like an empty store.
 * @throws `not-found`, and `unavailable` naming each table and bucket that is missing
 */
export async function withSource<T>(config: Config, use: (source: SourceStores) => Promise<T>): Promise<T> {
  await prepareStorage({ ...config, createStorage: false });
  const contents = await openContents(config);
  if (config.records.kind === "sqlite") {
    const file = sqliteFile(config);
    await expectFile(file);
    return await use({ ...contents, snapshots: createSqliteSnapshots(file) });
  }
  const records = await openRecords(config);
  try {
    return await use({ ...contents, snapshots: createPagedSnapshots(records) });
  } finally {
    await records.close();
  }
}

async function expectFile(file: string): Promise<void> {
  await stat(file).catch((cause: unknown) => {
    throw new DomainError("not-found", `There is no store: ${file} is missing.`, { cause });
  });
}
