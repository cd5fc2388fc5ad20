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
import { type Exported, exportStore } from "../../core/backup/export.ts";
import type { BackupProgress } from "../../core/backup/format.ts";
import { type Imported, importStore } from "../../core/backup/import.ts";
import { DomainError } from "../../core/errors.ts";
import type { BackupSource, BackupTarget } from "../../core/ports/backup.ts";
import type { Config } from "../config.ts";
import { withSource, withStores } from "./whole-stores.ts";

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
      return await withSource(config, async (source) => {
        const target = await openTarget(where, output);
        const { buckets } = config.settings;
        try {
          const ports = { ...source, clock: createSystemClock() };
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
