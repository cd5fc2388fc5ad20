import path from "node:path";
import type { AwsConfig } from "../../adapters/aws/options.ts";
import { createFileArtifacts } from "../../adapters/artifacts/files/artifacts.ts";
import { createFileUploads } from "../../adapters/artifacts/files/parted/uploads.ts";
import { sweepFileArtifacts } from "../../adapters/artifacts/files/sweep.ts";
import { createFileJobLogs } from "../../adapters/job-logs/files.ts";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import { loadOrCreateSecret } from "../../adapters/signer/secret-file.ts";
import { DomainError } from "../../core/errors.ts";
import type { Artifacts } from "../../core/ports/artifacts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { JobLogs } from "../../core/ports/job-logs.ts";
import type { Records } from "../../core/ports/records.ts";
import type { SignedUrlVerifier } from "../../core/ports/signed-urls.ts";
import type { Signer } from "../../core/ports/signer.ts";
import type { PartReceiver, UploadSessions } from "../../core/ports/upload-sessions.ts";
import type { Config } from "../config.ts";

/** Objects, and what goes with where they are. */
export interface ArtifactStore {
  readonly artifacts: Artifacts;
  /** For the URLs that this service serves itself. */
  readonly signedUrls: SignedUrlVerifier;
  readonly uploads: UploadSessions;
  /** For the URLs of parts that this service serves itself. */
  readonly parts: PartReceiver;
  /** Removes what uploads left behind that were broken off. */
  readonly sweep: () => Promise<unknown>;
}

export interface StoreOptions {
  readonly signer: Signer;
  readonly clock: Clock;
  /** Where users reach the service; asked when a URL is signed. */
  readonly publicUrl: () => string;
  /** Where agents do, if that is elsewhere. */
  readonly agentUrl?: () => string;
}

/**
 * Sees to it that table and buckets are there, and makes those that are missing where it may.
 * @throws naming everything that is missing
 */
export async function prepareStorage(config: Config): Promise<void> {
  const outcomes = await Promise.allSettled([prepareTable(config), prepareBuckets(config)]);
  const problems = outcomes.flatMap((outcome): unknown[] =>
    outcome.status === "rejected" ? [outcome.reason] : [],
  );
  const unknown = problems.find((problem) => !(problem instanceof DomainError));
  if (unknown !== undefined) throw unknown;
  const messages = problems.map((problem) => (problem instanceof DomainError ? problem.message : ""));
  if (messages.length > 0) throw new DomainError("unavailable", messages.join("\n"), { cause: problems[0] });
}

async function prepareTable({ records, createStorage }: Config): Promise<void> {
  if (records.kind !== "dynamodb") return;
  const { ensureTable } = await import("../../adapters/records/dynamodb/table.ts");
  await ensureTable({ ...records, create: createStorage });
}

async function prepareBuckets(config: Config): Promise<void> {
  const { artifacts, jobLogs, settings, createStorage: create } = config;
  const wanted = [
    ...(artifacts.kind === "s3" ? [{ aws: artifacts.aws, buckets: Object.values(settings.buckets) }] : []),
    ...(jobLogs.kind === "s3" ? [{ aws: jobLogs.aws, buckets: [jobLogs.bucket] }] : []),
  ];
  const [first] = wanted;
  if (first === undefined) return;
  const { ensureBuckets } = await import("../../adapters/artifacts/s3/buckets.ts");
  await ensureBuckets({ aws: first.aws, buckets: wanted.flatMap(({ buckets }) => buckets), create });
}

export async function openSigner({ secretFile }: Config): Promise<Signer> {
  return createHmacSigner(await loadOrCreateSecret(secretFile));
}

export const sqliteFile = ({ data }: Pick<Config, "data">): string => path.join(data, "records.sqlite");

/** Opens the records that the configuration names. */
export async function openRecords({ records, data }: Config): Promise<Records> {
  switch (records.kind) {
    case "sqlite":
      return await createSqliteRecords({ path: sqliteFile({ data }) });
    case "dynamodb": {
      const { createDynamoRecords } = await import("../../adapters/records/dynamodb/dynamodb.ts");
      return await createDynamoRecords(records);
    }
  }
}

export async function openArtifacts(config: Config, options: StoreOptions): Promise<ArtifactStore> {
  switch (config.artifacts.kind) {
    case "files":
      return fileStore(path.join(config.data, "artifacts"), options);
    case "s3":
      return await s3Store(config.artifacts.aws, Object.values(config.settings.buckets), options);
  }
}

async function s3Store(aws: AwsConfig, buckets: readonly string[], { clock }: StoreOptions) {
  const { openS3Store } = await import("./s3-store.ts");
  return openS3Store(aws, buckets, clock);
}

function fileStore(
  root: string,
  { signer, clock, publicUrl, agentUrl = publicUrl }: StoreOptions,
): ArtifactStore {
  // Users send parts by signed URLs and fetch from the service itself; agents do it the other way round.
  const artifacts = createFileArtifacts({ root, signer, publicUrl: agentUrl, clock });
  const uploads = createFileUploads({ root, signer, publicUrl, clock });
  return {
    artifacts,
    signedUrls: artifacts,
    uploads,
    parts: uploads,
    sweep: () => sweepFileArtifacts({ root, clock }),
  };
}

export async function openJobLogs({ jobLogs, data }: Config): Promise<JobLogs> {
  switch (jobLogs.kind) {
    case "files":
      return createFileJobLogs({ root: path.join(data, "logs") });
    case "s3": {
      const { createS3JobLogs } = await import("../../adapters/job-logs/s3/job-logs.ts");
      return createS3JobLogs(jobLogs);
    }
  }
}
