import * as v from "valibot";
import type { AwsConfig } from "../../adapters/aws/options.ts";
import type { ParameterStore } from "../../adapters/aws/parameter.ts";
import { type Config, ConfigError, readConfig } from "../config.ts";
import { text, url } from "./values.ts";

/** Where functions run: as AWS Lambda functions or as Cloudflare Workers. */
export type Platform = "lambda" | "worker";

/** What a function reads from its environment, or from its bindings. */
export interface FunctionConfig extends Config {
  readonly secret: Secret;
  /** Where the same endpoints answer as a stream; absent: nowhere else. */
  readonly streamUrl: string | undefined;
}

/** The service's secret itself, or the name of the parameter of AWS's Systems Manager that has it. */
export type Secret =
  | { readonly text: string }
  | { readonly parameter: string; readonly store: ParameterStore };

/** The headers in which a function is told whom AWS has let in; nobody else can set them. */
export const CALLER_HEADER = "x-ims-caller";
export const CALLER_ROLE_HEADER = "x-ims-caller-role";

const LEAST_SECRET = 32;
const Variables = v.object({
  IMS_SECRET: v.optional(
    v.pipe(v.string(), v.minLength(LEAST_SECRET, `needs ${LEAST_SECRET} characters or more`)),
  ),
  IMS_SECRET_PARAMETER: v.optional(text),
  IMS_STREAM_URL: v.optional(url),
  IMS_IAM_ADMINS: v.optional(text, "ims-admin"),
  AWS_REGION: v.optional(v.string(), ""),
  AWS_ENDPOINT_URL: v.optional(url),
  AWS_ENDPOINT_URL_SSM: v.optional(url),
  AWS_ACCESS_KEY_ID: v.optional(v.string(), ""),
  AWS_SECRET_ACCESS_KEY: v.optional(v.string(), ""),
  AWS_SESSION_TOKEN: v.optional(v.string()),
});
type Given = Readonly<Record<string, string | undefined>>;

/**
 * The configuration of a function. What is kept has to be kept elsewhere: records in DynamoDB, all else in S3, without
 * being told so.
 * @throws {@link ConfigError} naming every variable that is wrong, and what a function cannot have.
 */
export function readFunctionConfig(environment: Given, platform: Platform): FunctionConfig {
  const result = v.safeParse(Variables, environment, { abortEarly: false });
  const problems = [
    ...(result.success ? [] : result.issues.map((issue) => `${v.getDotPath(issue) ?? "?"} ${issue.message}`)),
    ...impossible(environment, platform),
    ...secretProblems(environment, platform),
  ];
  const config = general(environment, problems);
  if (!result.success || config === undefined || problems.length > 0)
    throw new ConfigError(
      `The configuration cannot be used by a function:\n${problems.map((line) => `  ${line}`).join("\n")}`,
    );
  const { IMS_SECRET, IMS_SECRET_PARAMETER = "", IMS_STREAM_URL } = result.output;
  const secret =
    IMS_SECRET === undefined
      ? { parameter: IMS_SECRET_PARAMETER, store: parameterStore(result.output) }
      : { text: IMS_SECRET };
  return { ...withCredentials(config, result.output), secret, streamUrl: IMS_STREAM_URL };
}

/** Functions have no other way to find any than their environment. */
function withCredentials<C extends Config>(config: C, env: v.InferOutput<typeof Variables>): C {
  const { records, artifacts, jobLogs } = config;
  const credentials = credentialsOf(env);
  return {
    ...config,
    records: records.kind === "dynamodb" ? { ...records, aws: { credentials, ...records.aws } } : records,
    artifacts: artifacts.kind === "s3" ? { ...artifacts, aws: { credentials, ...artifacts.aws } } : artifacts,
    jobLogs: jobLogs.kind === "s3" ? { ...jobLogs, aws: { credentials, ...jobLogs.aws } } : jobLogs,
  };
}

function credentialsOf(env: v.InferOutput<typeof Variables>): NonNullable<AwsConfig["credentials"]> {
  return {
    accessKeyId: env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    ...(env.AWS_SESSION_TOKEN === undefined ? {} : { sessionToken: env.AWS_SESSION_TOKEN }),
  };
}

/** AWS gives each function credentials of its own, by its environment. */
function parameterStore(env: v.InferOutput<typeof Variables>): ParameterStore {
  const endpoint = env.AWS_ENDPOINT_URL_SSM ?? env.AWS_ENDPOINT_URL;
  return {
    region: env.AWS_REGION,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...credentialsOf(env),
  };
}

/** The names of the roles and users of AWS's IAM that are administrators here. */
export function adminsOf(environment: Given): readonly string[] {
  return v.parse(Variables.entries.IMS_IAM_ADMINS, environment["IMS_IAM_ADMINS"]).split(",");
}

/** As for one process, but for what a function has by itself. Adds what is wrong to the problems. */
function general(environment: Given, problems: string[]): Config | undefined {
  const { IMS_JOBS: _jobs, ...given } = environment;
  const variables = {
    IMS_RECORDS: "dynamodb",
    IMS_ARTIFACTS: "s3",
    // Table and buckets belong to whoever deploys: a function may not make them.
    IMS_CREATE_STORAGE: "no",
    ...given,
    ...(environment["IMS_AUTH"] === "iam" ? IAM : {}),
  };
  try {
    return { ...readConfig(variables, "x64"), jobs: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.lines);
    return undefined;
  }
}

const IAM = {
  IMS_AUTH: "gateway",
  IMS_GATEWAY_USER_HEADER: CALLER_HEADER,
  IMS_GATEWAY_ROLE_HEADER: CALLER_ROLE_HEADER,
};

const NO_DISK = "a function has no disk that stays";
/** By variable, what it may not be, and why. */
const REFUSED: readonly { readonly name: string; readonly value: string; readonly why: string }[] = [
  { name: "IMS_RECORDS", value: "sqlite", why: `${NO_DISK}: its records are in DynamoDB (dynamodb)` },
  { name: "IMS_ARTIFACTS", value: "files", why: `${NO_DISK}: its objects are in S3 (s3)` },
  { name: "IMS_JOB_LOGS", value: "files", why: `${NO_DISK}: its logs are in S3 (s3)` },
  {
    name: "IMS_AUTH",
    value: "none",
    why: "a function's URL can be reached by anybody: set it to token or oidc, or on AWS to iam",
  },
  {
    name: "IMS_AUTH",
    value: "gateway",
    why: "a function's URL can be reached past any gateway: set it to token or oidc, or on AWS to iam",
  },
];
const RUNNERS: Readonly<Record<string, string>> = {
  local: "a function cannot run jobs as processes of its own machine",
  ssh: "a function cannot keep connections to build nodes",
  kubernetes: "functions launch no jobs themselves",
};

function impossible(environment: Given, platform: Platform): string[] {
  const problems = REFUSED.filter(({ name, value }) => (environment[name] ?? DEFAULTS[name]) === value).map(
    ({ name, value, why }) => `${name}=${value} is not possible: ${why}`,
  );
  for (const runner of (environment["IMS_JOBS"] ?? "").split(",")) {
    const why = RUNNERS[runner.trim()];
    if (why !== undefined)
      problems.push(
        `IMS_JOBS names ${runner.trim()}, which is not possible: ${why}. Leave it unset, and have a node process on the ` +
          "same table run the jobs",
      );
  }
  if (platform === "worker") problems.push(...impossibleInWorker(environment));
  return problems;
}

const DEFAULTS: Given = { IMS_AUTH: "none" };

/** Workers have no files, and nobody but themselves to say who is calling. */
function impossibleInWorker(environment: Given): string[] {
  const files = ["AWS_CA_BUNDLE", "IMS_SECRET_FILE", "IMS_SECRET_PARAMETER"].filter(
    (name) => environment[name] !== undefined,
  );
  return [
    ...files.map((name) => `${name} is not possible: a Worker has no files and no role at AWS`),
    ...(environment["IMS_AUTH"] === "iam" ? ["IMS_AUTH=iam is not possible: a Worker is not AWS's"] : []),
  ];
}

function secretProblems(environment: Given, platform: Platform): string[] {
  const { IMS_SECRET, IMS_SECRET_PARAMETER } = environment;
  if (IMS_SECRET !== undefined && IMS_SECRET_PARAMETER !== undefined)
    return ["IMS_SECRET and IMS_SECRET_PARAMETER are two secrets: set one of them"];
  if (IMS_SECRET !== undefined || IMS_SECRET_PARAMETER !== undefined) return [];
  return [
    platform === "lambda"
      ? "IMS_SECRET_PARAMETER (the name of a parameter of Systems Manager) or IMS_SECRET is needed"
      : "IMS_SECRET is needed: wrangler secret put IMS_SECRET",
  ];
}
