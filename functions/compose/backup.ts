import { stat } from "node:fs/promises";
import path from "node:path";
import type { Writable } from "node:stream";
import { createFolderSource, createFolderTarget } from "../../adapters/backup/folder.ts";
import {
  createStreamSink,
  createTarSource,
  createTarTarget,
  openFileSink,
} from "../../adapters/backup/tar.ts";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { createPagedSnapshots } from "../../adapters/records/snapshots.ts";
import { createSqliteSnapshots } from "../../adapters/records/sqlite-snapshots.ts";
import { type Exported, exportStore } from "../../core/backup/export.ts";
import type { BackupProgress } from "../../core/backup/format.ts";
import { type Imported, importStore } from "../../core/backup/import.ts";
import { DomainError } from "../../core/errors.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import type { BackupSource, BackupTarget } from "../../core/ports/backup.ts";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import type { Records } from "../../core/ports/records.ts";
import type { Config } from "../config.ts";
import { openArtifacts, openJobLogs, openRecords, openSigner, prepareStorage, sqliteFile } from "./stores.ts";

/** Backups of the store that the configuration describes. */
export interface Backups {
  /** `where`: a name that ends in `.tar`, `-` for this program's output, else a folder. */
  export(where: string, options: BackupExportOptions): Promise<Exported>;
  import(where: string, options: BackupImportOptions): Promise<Imported>;
}

export interface BackupExportOptions {
  readonly objects: boolean;
  readonly logs: boolean;
  readonly progress: BackupProgress;
}

export interface BackupImportOptions {
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly progress: BackupProgress;
}

export function createBackups(readConfig: () => Config, version: string, output: Writable): Backups {
  return {
    async export(where, options) {
      const config = readConfig();
      return await withStores(config, async (stores) => {
        const snapshots =
          config.records.kind === "sqlite"
            ? createSqliteSnapshots(sqliteFile(config))
            : createPagedSnapshots(stores.records);
        const target = await openTarget(where, output);
        const { buckets } = config.settings;
        try {
          const ports = { ...stores, snapshots, clock: createSystemClock() };
          return await exportStore(ports, target, { ...options, buckets, serviceVersion: version });
        } catch (error) {
          await target.discard();
          throw error;
        }
      });
    },
    async import(where, options) {
      const config = readConfig();
      const source = await openSource(where);
      return await withStores(config, (stores) =>
        importStore(stores, source, { ...options, buckets: config.settings.buckets }),
      );
    },
  };
}

interface Stores {
  readonly records: Records;
  readonly artifacts: Artifacts;
  readonly logs: JobLogs;
}

async function withStores<T>(config: Config, use: (stores: Stores) => Promise<T>): Promise<T> {
  await prepareStorage(config);
  const signer = await openSigner(config);
  const records = await openRecords(config);
  try {
    const clock = createSystemClock();
    const { artifacts } = await openArtifacts(config, { signer, publicUrl: () => "", clock });
    return await use({ records, artifacts, logs: await openJobLogs(config) });
  } finally {
    await records.close();
  }
}

async function openTarget(where: string, output: Writable): Promise<BackupTarget> {
  if (where === "-") return createTarTarget(createStreamSink(output), Date.now);
  const place = path.resolve(where);
  return place.endsWith(".tar")
    ? createTarTarget(await openFileSink(place), Date.now)
    : await createFolderTarget(place);
}

async function openSource(where: string): Promise<BackupSource> {
  const found = await stat(where).catch((cause: unknown) => {
    throw new DomainError("not-found", `There is no backup ${where}.`, { cause });
  });
  return found.isDirectory() ? createFolderSource(path.resolve(where)) : createTarSource(where);
}
