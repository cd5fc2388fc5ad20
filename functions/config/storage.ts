import * as v from "valibot";
import type { AwsConfig } from "../../adapters/aws/options.ts";
import { bucket, text, url, wholeNumber, words } from "./values.ts";

/** Where records, objects and logs are kept; each chosen by itself. */
export interface StorageConfig {
  readonly records:
    | { readonly kind: "sqlite" }
    | { readonly kind: "dynamodb"; readonly aws: AwsConfig; readonly table: string };
  readonly artifacts: { readonly kind: "files" } | { readonly kind: "s3"; readonly aws: AwsConfig };
  readonly jobLogs:
    | { readonly kind: "files" }
    | { readonly kind: "s3"; readonly aws: AwsConfig; readonly bucket: string };
  /** Whether a table or bucket that is missing is made at start; else the start stops and names it. */
  readonly createStorage: boolean;
}

const FALSE = /^(?:false|off|no|f|0)$/iu;
const TRUE = /^(?:true|on|yes|t|1)$/iu;
/** Stores other than AWS's have one region and do not care for its name, but a signature needs one. */
const REGION_ELSEWHERE = "us-east-1";
const LONGEST_TIMEOUT_SECONDS = 3600;

/** Others set these for all programs of a user; the SDK takes an empty one for none. */
const ambient = v.optional(
  v.pipe(
    v.string(),
    v.transform((value) => (value === "" ? undefined : value)),
  ),
);
/** With or without a slash at the end. */
const endpoint = v.optional(
  v.pipe(
    v.string(),
    v.transform((value) => (value === "" ? undefined : value.replace(/\/$/u, ""))),
    v.optional(url),
  ),
);

export const STORAGE_VARIABLES = {
  IMS_RECORDS: v.optional(words(["sqlite", "dynamodb"]), "sqlite"),
  IMS_ARTIFACTS: v.optional(words(["files", "s3"]), "files"),
  IMS_JOB_LOGS: v.optional(words(["files", "s3"])),
  IMS_CREATE_STORAGE: v.optional(words(["yes", "no"])),
  DYNAMODB_ENDPOINT: endpoint,
  DYNAMODB_TABLE: v.optional(v.pipe(v.string(), v.regex(/^[\w.-]{3,255}$/u, "is not a table's name")), "ims"),
  S3_ENDPOINT: endpoint,
  S3_REGION: v.optional(text),
  S3_ACCESS_KEY: v.optional(text),
  S3_SECRET_KEY: v.optional(text),
  S3_SSL_VALIDATE: v.optional(text),
  S3_CONNECT_TIMEOUT: v.optional(wholeNumber(1, LONGEST_TIMEOUT_SECONDS)),
  S3_READ_TIMEOUT: v.optional(wholeNumber(1, LONGEST_TIMEOUT_SECONDS)),
  S3_LOGS_BUCKET: v.optional(bucket, "ims-logs"),
  AWS_ENDPOINT_URL: endpoint,
  AWS_ENDPOINT_URL_DYNAMODB: endpoint,
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_REGION: ambient,
  AWS_DEFAULT_REGION: ambient,
  AWS_CA_BUNDLE: ambient,
  AWS_PROFILE: ambient,
  AWS_ACCESS_KEY_ID: ambient,
  AWS_SECRET_ACCESS_KEY: ambient,
  AWS_SESSION_TOKEN: ambient,
};
const Variables = v.object(STORAGE_VARIABLES);
type Variables = v.InferOutput<typeof Variables>;

/** The storage that a checked environment describes. */
export function readStorage(env: Variables): StorageConfig {
  const logs = env.IMS_JOB_LOGS ?? env.IMS_ARTIFACTS;
  const s3 = s3Config(env);
  const records =
    env.IMS_RECORDS === "sqlite"
      ? { kind: env.IMS_RECORDS }
      : { kind: env.IMS_RECORDS, aws: dynamodbConfig(env), table: env.DYNAMODB_TABLE };
  return {
    records,
    artifacts:
      env.IMS_ARTIFACTS === "files" ? { kind: env.IMS_ARTIFACTS } : { kind: env.IMS_ARTIFACTS, aws: s3 },
    jobLogs: logs === "files" ? { kind: logs } : { kind: logs, aws: s3, bucket: env.S3_LOGS_BUCKET },
    createStorage:
      env.IMS_CREATE_STORAGE === undefined
        ? remoteEndpoints(env).every((endpoint) => endpoint !== undefined)
        : env.IMS_CREATE_STORAGE === "yes",
  };
}

const s3Endpoint = (env: Places) => env.S3_ENDPOINT ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL;
const dynamodbEndpoint = (env: Places) =>
  env.DYNAMODB_ENDPOINT ?? env.AWS_ENDPOINT_URL_DYNAMODB ?? env.AWS_ENDPOINT_URL;
const usesS3 = (env: Places) => env.IMS_ARTIFACTS === "s3" || env.IMS_JOB_LOGS === "s3";

/** Of the storages that are used and not local. */
function remoteEndpoints(env: Variables): (string | undefined)[] {
  return [
    ...(env.IMS_RECORDS === "dynamodb" ? [dynamodbEndpoint(env)] : []),
    ...(usesS3(env) ? [s3Endpoint(env)] : []),
  ];
}

function s3Config(env: Variables): AwsConfig {
  const { S3_ACCESS_KEY: accessKeyId, S3_SECRET_KEY: secretAccessKey } = env;
  const { S3_SSL_VALIDATE: validate, S3_CONNECT_TIMEOUT: connect, S3_READ_TIMEOUT: read } = env;
  const caFile =
    validate === undefined || TRUE.test(validate) || FALSE.test(validate) ? env.AWS_CA_BUNDLE : validate;
  return {
    ...place(s3Endpoint(env), env.S3_REGION ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION, caFile),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? ambientCredentials(env)
      : { credentials: { accessKeyId, secretAccessKey } }),
    forcePathStyle: s3Endpoint(env) !== undefined,
    ...(connect === undefined ? {} : { connectMilliseconds: connect * 1000 }),
    ...(read === undefined ? {} : { idleMilliseconds: read * 1000 }),
  };
}

function dynamodbConfig(env: Variables): AwsConfig {
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  return { ...place(dynamodbEndpoint(env), region, env.AWS_CA_BUNDLE), ...ambientCredentials(env) };
}

/** What the SDK would find in this environment; it looks in that of the process alone. A profile comes first there. */
function ambientCredentials(env: Variables): Pick<AwsConfig, "credentials"> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const { AWS_PROFILE: profile, AWS_SESSION_TOKEN: sessionToken } = env;
  if (profile !== undefined || accessKeyId === undefined || secretAccessKey === undefined) return {};
  return {
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  };
}

function place(
  endpoint: string | undefined,
  region: string | undefined,
  caFile: string | undefined,
): AwsConfig {
  return {
    region: region ?? REGION_ELSEWHERE,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

/** Variables as they came, right or wrong. */
type Given = Readonly<Partial<Record<keyof typeof STORAGE_VARIABLES, string | undefined>>>;
type Places = Pick<
  Given,
  | "IMS_ARTIFACTS"
  | "IMS_JOB_LOGS"
  | "S3_ENDPOINT"
  | "DYNAMODB_ENDPOINT"
  | "AWS_ENDPOINT_URL"
  | "AWS_ENDPOINT_URL_S3"
  | "AWS_ENDPOINT_URL_DYNAMODB"
>;

/** What no single variable can show, whatever else is wrong. Names no value: some are secret. */
export function storageContradictions(given: Given): string[] {
  const regionless = given.AWS_REGION === undefined && given.AWS_DEFAULT_REGION === undefined;
  const problems = usesS3(given) ? s3Contradictions(given, regionless) : [];
  if (given.IMS_RECORDS === "dynamodb" && regionless && dynamodbEndpoint(given) === undefined)
    problems.unshift("AWS_REGION is needed with IMS_RECORDS=dynamodb, unless DYNAMODB_ENDPOINT is set");
  return problems;
}

function s3Contradictions(given: Given, regionless: boolean): string[] {
  const endpoint = s3Endpoint(given);
  const problems: string[] = [];
  if (regionless && given.S3_REGION === undefined && endpoint === undefined)
    problems.push("AWS_REGION or S3_REGION is needed to use S3, unless S3_ENDPOINT is set");
  if ((given.S3_ACCESS_KEY === undefined) !== (given.S3_SECRET_KEY === undefined))
    problems.push("S3_ACCESS_KEY and S3_SECRET_KEY are needed together, or neither of them");
  if (FALSE.test(given.S3_SSL_VALIDATE ?? "") && endpoint?.startsWith("http:") !== true)
    problems.push(
      "S3_SSL_VALIDATE cannot switch off the check of certificates: set it to the PEM file of the authority that " +
        "signed the store's",
    );
  return problems;
}
