import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { digestsOf } from "../../adapters/backup/digesting.ts";
import { readOriginalFiles } from "../../adapters/backup/original-files.ts";
import { asDomainError } from "../../adapters/process/errors.ts";
import type { BroughtIn, ImportOptions } from "../../core/backup/bring-in.ts";
import type { BackupProgress } from "../../core/backup/format.ts";
import { migrateStore } from "../../core/backup/migrate.ts";
import { DomainError } from "../../core/errors.ts";
import { importOriginal, type ImportedOriginal } from "../../core/original/import-original.ts";
import { type Config, readConfig } from "../config.ts";
import { openSigner, prepareStorage } from "./stores.ts";
import { type Contents, openContents, withSource, withStores } from "./whole-stores.ts";

export interface MigrateOrder {
  /** File of the environment that tells where the source is. */
  readonly from?: string;
  /** Folder of the original's data files: its records are taken, and of the source only the objects. */
  readonly original?: string;
  readonly overwrite: boolean;
  readonly dryRun: boolean;
  readonly progress: BackupProgress;
}
export type Migrated = BroughtIn & Partial<Pick<ImportedOriginal, "notes">>;
/** Moves an installation into the store that the environment describes. @throws `invalid`, `not-found`, `conflict` */
export type Migrate = (order: MigrateOrder) => Promise<Migrated>;

type Environment = Readonly<Record<string, string | undefined>>;

export function createMigrate(environment: Environment, arch: string): Migrate {
  return async ({ from, original, ...rest }) => {
    const target = readConfig(environment, arch);
    const source = from === undefined ? undefined : await readSource(from, environment, arch);
    const options = { ...rest, buckets: target.settings.buckets };
    if (original !== undefined) return await moveOriginal(original, source, target, options);
    if (source === undefined) throw new DomainError("invalid", "Nothing says what is to be moved.");
    return await moveStore(source, target, options);
  };
}

async function moveStore(source: Config, target: Config, options: ImportOptions): Promise<Migrated> {
  return await withSource(source, (theirs) =>
    withStores(target, (ours) => migrateStore({ ...theirs, digest: digestsOf }, ours, options)),
  );
}

async function moveOriginal(
  folder: string,
  source: Config | undefined,
  target: Config,
  options: ImportOptions,
): Promise<Migrated> {
  const files = await readOriginalFiles(folder);
  const signer = await openSigner(target);
  const { linkBuckets } = target.settings;
  const reading = { ...options, linkBuckets, digest: (text: string) => signer.digest(text) };
  const contents = source && { ...(await openExisting(source)), digest: digestsOf };
  return await withStores(target, (ours) => importOriginal(files, contents, ours, reading));
}

async function openExisting(source: Config): Promise<Contents> {
  await prepareStorage({ ...source, records: { kind: "sqlite" }, createStorage: false });
  return await openContents(source);
}

async function readSource(file: string, environment: Environment, arch: string): Promise<Config> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw asDomainError(error, `The environment of the source, ${file}, cannot be read.`);
  });
  const source = readConfig(parseEnv(text), arch);
  refuseHiddenEndpoint(source, environment);
  return source;
}

const ENDPOINTS = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB"];

/** The SDK would take it from the environment of this process for a source that names none. */
function refuseHiddenEndpoint({ records, artifacts, jobLogs }: Config, environment: Environment): void {
  const aws = [records, artifacts, jobLogs].flatMap((store) => ("aws" in store ? [store.aws] : []));
  const set = ENDPOINTS.find((name) => environment[name] !== undefined);
  if (set !== undefined && aws.some(({ endpoint }) => endpoint === undefined))
    throw new DomainError(
      "invalid",
      `${set} in the environment would count for the source as well, which names no endpoint: set S3_ENDPOINT and DYNAMODB_ENDPOINT instead.`,
    );
}
