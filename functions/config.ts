import * as v from "valibot";
import type { OidcConfig } from "../core/auth/oidc.ts";
import { ARCHS } from "../core/arch.ts";
import { SQUASHFS_COMPRESSIONS } from "../core/jobs/plan.ts";
import { LIMITED_PHASES } from "../core/jobs/status.ts";
import type { RunnerName } from "../core/ports/job-runner.ts";
import type { Settings } from "../core/settings.ts";
import { readSsh, SSH_VARIABLES, sshContradictions, type SshConfig } from "./config/ssh.ts";
import {
  kubernetesContradictions,
  type KubernetesConfig,
  KUBERNETES_VARIABLES,
  readKubernetes,
} from "./config/kubernetes.ts";
import {
  readStorage,
  storageContradictions,
  type StorageConfig,
  STORAGE_VARIABLES,
} from "./config/storage.ts";
import {
  ANYWHERE,
  bucket,
  bucketList,
  headerName,
  numbersByName,
  portRange,
  shellHost,
  text,
  url,
  wholeNumber,
  wordList,
  words,
} from "./config/values.ts";

/** What the service reads from its environment. This file is its only reader. */
export interface Config extends StorageConfig {
  readonly host: string;
  readonly port: number;
  /** Folder of everything that is stored locally. */
  readonly data: string;
  readonly secretFile: string;
  /** What runs jobs, in order of preference; several may be named, each once. */
  readonly jobs: readonly RunnerKind[];
  readonly kubernetes: KubernetesConfig;
  /** Remote build nodes; absent: none are used. */
  readonly ssh: SshConfig | undefined;
  /** Where users find the service; absent: where it listens. */
  readonly publicUrl: string | undefined;
  /** Where agents find the service; absent: where it listens. */
  readonly agentUrl: string | undefined;
  /** Where it listens for agents alone; absent: nowhere. */
  readonly agentListener: { readonly host: string; readonly port: number } | undefined;
  readonly auth: AuthConfig;
  readonly logLevel: "info" | "warn" | "error";
  /** Handed on to agents: which programs they use, how long they wait for a service that does not answer. */
  readonly agentEnv: Readonly<Record<string, string>>;
  readonly settings: Omit<Settings, "serviceVersion">;
}

/** How callers show who they are. */
export type AuthConfig =
  | { readonly kind: "none" }
  | { readonly kind: "token" }
  | { readonly kind: "gateway"; readonly userHeader: string; readonly roleHeader: string | undefined }
  | ({ readonly kind: "oidc" } & OidcConfig);

/** Everything that is wrong with the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /** What is wrong, without the words before. */
  get lines(): readonly string[] {
    return this.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
}

/** The runners that there are; each has its opener in `compose/runners.ts`. */
const RUNNER_KINDS = ["local", "ssh", "kubernetes"] as const satisfies readonly RunnerName[];
export type RunnerKind = (typeof RUNNER_KINDS)[number];

const LONGEST_PHASE = 30 * 86_400;
/** AWS's signatures are good for a week at most. */
const LONGEST_URL_SECONDS = 7 * 86_400;

const Environment = v.object({
  IMS_HOST: v.optional(text, "127.0.0.1"),
  IMS_PORT: v.optional(wholeNumber(0, 65_535), "9100"),
  IMS_DATA: v.optional(text, "./data"),
  IMS_SECRET_FILE: v.optional(text),
  IMS_AUTH: v.optional(words(["none", "token", "oidc", "gateway"]), "none"),
  IMS_GATEWAY_USER_HEADER: v.optional(headerName, "x-forwarded-user"),
  IMS_GATEWAY_ROLE_HEADER: v.optional(headerName),
  IMS_OIDC_ISSUER: v.optional(url),
  IMS_OIDC_AUDIENCE: v.optional(text),
  IMS_OIDC_JWKS_URI: v.optional(url),
  IMS_OIDC_ROLES_CLAIM: v.optional(text, "roles"),
  IMS_OIDC_ADMIN_ROLE: v.optional(text, "ims-admin"),
  IMS_OIDC_READER_ROLE: v.optional(text, "ims-reader"),
  ...STORAGE_VARIABLES,
  ...KUBERNETES_VARIABLES,
  ...SSH_VARIABLES,
  IMS_JOBS: v.optional(wordList(RUNNER_KINDS), "local"),
  IMS_PUBLIC_URL: v.optional(url),
  IMS_AGENT_URL: v.optional(url),
  IMS_AGENT_HOST: v.optional(text),
  IMS_AGENT_PORT: v.optional(wholeNumber(0, 65_535)),
  IMS_LOG_LEVEL: v.optional(words(["info", "warn", "error"]), "info"),
  IMS_KIWI: v.optional(text),
  IMS_PACKER: v.optional(text),
  IMS_PACKER_PLUGINS: v.optional(
    v.pipe(v.string(), v.regex(/^\//u, "is no absolute path, such as /opt/packer/plugins")),
  ),
  IMS_PYTHON: v.optional(text),
  IMS_MKSQUASHFS: v.optional(text),
  IMS_UNSQUASHFS: v.optional(text),
  IMS_AGENT_PATIENCE: v.optional(text),
  IMS_JOB_LIMITS: v.optional(words(["on", "off"]), "on"),
  IMS_MAX_JOBS: v.optional(wholeNumber(0, 10_000), "2"),
  IMS_MAX_JOBS_BY_ARCH: v.optional(numbersByName(ARCHS, 0, 10_000), ""),
  IMS_MAX_JOBS_BY_RUNNER: v.optional(numbersByName(RUNNER_KINDS, 0, 10_000), ""),
  IMS_PHASE_SECONDS: v.optional(numbersByName(LIMITED_PHASES, 1, LONGEST_PHASE), ""),
  IMS_IDLE_SECONDS: v.optional(wholeNumber(60, LONGEST_PHASE), "14400"),
  IMS_IDLE_WARNING_SECONDS: v.optional(wholeNumber(0, LONGEST_PHASE), "900"),
  IMS_SHELL_HOST: v.optional(shellHost),
  IMS_SHELL_PORTS: v.optional(portRange),
  IMS_REPO_WAIT_SECONDS: v.optional(wholeNumber(0, 86_400), "500"),
  IMS_MOVE_WAIT: v.optional(wholeNumber(0, 3600), "20"),
  IMS_MAX_ARCHIVE_BYTES: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER), String(1024 ** 3)),
  IMS_UPLOAD_PARTS_FROM: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  IMS_MAX_ARTIFACT_BYTES: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER), String(1024 ** 4)),
  IMS_MAX_RECIPE_BYTES: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER), String(4 * 1024 ** 3)),
  IMS_MAX_LOG_BYTES: v.optional(wholeNumber(1, Number.MAX_SAFE_INTEGER), String(256 * 1024 ** 2)),
  IMS_LOG_RETENTION_DAYS: v.optional(wholeNumber(0, 36_500), "90"),
  IMS_SQUASHFS_COMPRESSION: v.optional(words(SQUASHFS_COMPRESSIONS), "zstd"),
  IMS_SQUASHFS_LEVEL: v.optional(wholeNumber(1, 22)),
  IMS_SQUASHFS_PROCESSORS: v.optional(wholeNumber(1, 4096)),
  S3_IMS_BUCKET: v.optional(bucket, "ims"),
  S3_URL_EXPIRATION: v.optional(wholeNumber(60, LONGEST_URL_SECONDS), "7200"),
  S3_BOOT_IMAGES_BUCKET: v.optional(bucket, "boot-images"),
  IMS_LINK_BUCKETS: v.optional(bucketList, ""),
  DEFAULT_IMS_IMAGE_SIZE: v.optional(wholeNumber(1, 1_000_000), "60"),
  DEFAULT_IMS_JOB_MEM_SIZE: v.optional(wholeNumber(1, 1_000_000), "8"),
  DEFAULT_IMS_JOB_NAMESPACE: v.optional(text, "ims"),
  JOB_ENABLE_DKMS: v.optional(
    v.pipe(
      v.string(),
      v.transform((word) => word.toLowerCase() !== "false"),
    ),
    "true",
  ),
  JOB_CUSTOMER_ACCESS_SUBNET_NAME: v.optional(text, "cmn"),
  JOB_CUSTOMER_ACCESS_NETWORK_DOMAIN: v.optional(text, "shasta.local"),
});
type Environment = v.InferOutput<typeof Environment>;
type Variables = Readonly<Record<string, string | undefined>>;

/** Unset members stay unset. */
const AgentEnvironment = v.pipe(
  v.partial(
    v.pick(Environment, [
      "IMS_KIWI",
      "IMS_PACKER",
      "IMS_PACKER_PLUGINS",
      "IMS_PYTHON",
      "IMS_MKSQUASHFS",
      "IMS_UNSQUASHFS",
      "IMS_AGENT_PATIENCE",
    ]),
  ),
  v.transform((picked) => {
    const set: Record<string, string> = {};
    for (const [name, value] of Object.entries(picked)) if (value !== undefined) set[name] = value;
    return set;
  }),
);

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/u;
/** The tool's own default, 15, takes thirty times as long for images that are an eighth smaller. */
const ZSTD_LEVEL = 3;
const RECIPE_ENTRIES = 100_000;
/** Over a network a break costs more than parts do. S3 takes no more than 5 GiB in one piece. */
const PARTS_FROM_BYTES = { files: 5 * 1024 ** 3, s3: 128 * 1024 ** 2 };
/** Long enough for large files over slow lines, and shorter than a store keeps parts that nobody completes. */
const UPLOAD_SESSION_SECONDS = 3 * 86_400;
const AGENT_HEARTBEAT_SECONDS = 5;
/** Of what hangs, not of what is slow: a foreign architecture is built ten times slower. */
const PHASE_SECONDS = {
  fetching_image: 7200,
  fetching_recipe: 3600,
  building_image: 43_200,
  packaging_artifacts: 21_600,
  waiting_on_user: 604_800,
};
/** On top of what the agent waits by itself, which then says which repository did not answer. */
const REPOSITORY_GRACE_SECONDS = 300;
/** Design promise: a dead agent is a terminal error within 30 s, on a pod 60 s. */
const AGENT_SILENCE_SECONDS = { local: 25, kubernetes: 55 };

/**
 * The configuration that the environment describes; none at all gives a service on loopback with storage under `./data`.
 * @throws {@link ConfigError} naming every variable that is wrong.
 */
export function readConfig(environment: Variables, arch: string): Config {
  const result = v.safeParse(Environment, environment, { abortEarly: false });
  const problems = result.success ? [] : result.issues.map((issue) => describe(issue));
  problems.push(...contradictions(environment));
  if (!result.success || problems.length > 0)
    throw new ConfigError(
      `The configuration cannot be used:\n${problems.map((line) => `  ${line}`).join("\n")}`,
    );
  return toConfig(result.output, arch);
}

function describe(issue: v.InferIssue<typeof Environment>): string {
  return `${v.getDotPath(issue) ?? "?"} ${issue.message}`;
}

const Listening = v.pick(Environment, ["IMS_HOST", "IMS_AUTH"]);
const Identity = v.pick(Environment, ["IMS_AUTH"]);
const Runners = v.pick(Environment, ["IMS_JOBS"]);

/** What no single variable can show. Looks at few variables each time, so that others that are wrong hide nothing. */
function contradictions(environment: Variables): string[] {
  const problems: string[] = [];
  const listening = v.safeParse(Listening, environment);
  if (listening.success && listening.output.IMS_AUTH === "none" && !LOOPBACK.test(listening.output.IMS_HOST))
    problems.push(offLoopback(listening.output.IMS_HOST));
  if ((environment["IMS_AGENT_HOST"] === undefined) !== (environment["IMS_AGENT_PORT"] === undefined))
    problems.push("IMS_AGENT_HOST and IMS_AGENT_PORT are needed together: the second listener is for agents");
  const identity = v.safeParse(Identity, environment);
  if (identity.success && identity.output.IMS_AUTH === "oidc")
    for (const name of ["IMS_OIDC_ISSUER", "IMS_OIDC_AUDIENCE", "IMS_OIDC_JWKS_URI"] as const)
      if (environment[name] === undefined) problems.push(`${name} is needed with IMS_AUTH=oidc`);
  return [...problems, ...runnerContradictions(environment), ...storageContradictions(environment)];
}

function runnerContradictions(environment: Variables): string[] {
  const runners = v.safeParse(Runners, environment);
  const uses = (kind: RunnerKind): boolean => runners.success && runners.output.IMS_JOBS.includes(kind);
  return [
    ...(uses("kubernetes") ? kubernetesContradictions(environment) : []),
    ...(uses("ssh") ? sshContradictions(environment) : []),
  ];
}

function authConfig(env: Environment): AuthConfig {
  switch (env.IMS_AUTH) {
    case "none":
      return { kind: "none" };
    case "token":
      return { kind: "token" };
    case "gateway":
      return {
        kind: "gateway",
        userHeader: env.IMS_GATEWAY_USER_HEADER,
        roleHeader: env.IMS_GATEWAY_ROLE_HEADER,
      };
    case "oidc":
      return {
        kind: "oidc",
        issuer: env.IMS_OIDC_ISSUER ?? "",
        audience: env.IMS_OIDC_AUDIENCE ?? "",
        jwksUri: env.IMS_OIDC_JWKS_URI ?? "",
        rolesClaim: env.IMS_OIDC_ROLES_CLAIM,
        adminRole: env.IMS_OIDC_ADMIN_ROLE,
        readerRole: env.IMS_OIDC_READER_ROLE,
      };
  }
}

function offLoopback(host: string): string {
  return (
    `IMS_HOST=${host} is not a loopback address, and without authentication (IMS_AUTH=none) this service listens on ` +
    "loopback only. Leave IMS_HOST at 127.0.0.1, or set IMS_AUTH to token (make one: npm run ims -- token create " +
    "--role admin), oidc, or gateway (an authenticating proxy in front)."
  );
}

const domainOf = (env: Environment): string =>
  `${env.JOB_CUSTOMER_ACCESS_SUBNET_NAME}.${env.JOB_CUSTOMER_ACCESS_NETWORK_DOMAIN}`;

function toConfig(env: Environment, arch: string): Config {
  return {
    host: env.IMS_HOST,
    port: env.IMS_PORT,
    data: env.IMS_DATA,
    jobs: env.IMS_JOBS,
    kubernetes: readKubernetes(env, { namespace: env.DEFAULT_IMS_JOB_NAMESPACE, domain: domainOf(env) }),
    secretFile: env.IMS_SECRET_FILE ?? `${env.IMS_DATA}/secret`,
    publicUrl: env.IMS_PUBLIC_URL,
    agentUrl: env.IMS_AGENT_URL,
    agentListener: agentListener(env),
    auth: authConfig(env),
    logLevel: env.IMS_LOG_LEVEL,
    ...readStorage(env),
    ssh: readSsh(env),
    agentEnv: v.parse(AgentEnvironment, env),
    settings: {
      buckets: { recipes: env.S3_IMS_BUCKET, images: env.S3_BOOT_IMAGES_BUCKET },
      linkBuckets: env.IMS_LINK_BUCKETS,
      moveWaitSeconds: env.IMS_MOVE_WAIT,
      uploads: {
        maxArchiveBytes: env.IMS_MAX_ARCHIVE_BYTES,
        maxArtifactBytes: env.IMS_MAX_ARTIFACT_BYTES,
        sessionSeconds: UPLOAD_SESSION_SECONDS,
        partUrlSeconds: env.S3_URL_EXPIRATION,
      },
      jobs: jobSettings(env, arch),
    },
  };
}

function agentListener({ IMS_AGENT_HOST, IMS_AGENT_PORT }: Environment): Config["agentListener"] {
  if (IMS_AGENT_HOST === undefined || IMS_AGENT_PORT === undefined) return undefined;
  return { host: IMS_AGENT_HOST, port: IMS_AGENT_PORT };
}

function packLevel(env: Environment): { level?: number } {
  const level = env.IMS_SQUASHFS_LEVEL ?? (env.IMS_SQUASHFS_COMPRESSION === "zstd" ? ZSTD_LEVEL : undefined);
  return level === undefined ? {} : { level };
}

/** A service that listens everywhere does not say where its clients are: its shells stay on the machine until told. */
function shellSettings({
  IMS_HOST,
  IMS_SHELL_HOST,
  IMS_SHELL_PORTS,
}: Environment): Settings["jobs"]["shell"] {
  return {
    host: IMS_SHELL_HOST ?? (ANYWHERE.test(IMS_HOST) ? "127.0.0.1" : IMS_HOST),
    ...(IMS_SHELL_PORTS === undefined ? {} : { ports: IMS_SHELL_PORTS }),
  };
}

function jobSettings(env: Environment, arch: string): Settings["jobs"] {
  return {
    maxRunning: env.IMS_MAX_JOBS,
    maxByArch: env.IMS_MAX_JOBS_BY_ARCH,
    maxByRunner: env.IMS_MAX_JOBS_BY_RUNNER,
    heartbeatSeconds: AGENT_HEARTBEAT_SECONDS,
    maxByNode: env.IMS_SSH_JOBS_PER_NODE,
    silenceSeconds: { ...AGENT_SILENCE_SECONDS, ssh: env.IMS_SSH_LOST_SECONDS },
    maxLaunches: 3,
    phaseSeconds: {
      ...PHASE_SECONDS,
      waiting_for_repos: env.IMS_REPO_WAIT_SECONDS + REPOSITORY_GRACE_SECONDS,
      ...env.IMS_PHASE_SECONDS,
    },
    idleLimitSeconds: env.IMS_IDLE_SECONDS,
    idleWarningSeconds: env.IMS_IDLE_WARNING_SECONDS,
    shell: shellSettings(env),
    repositoryWaitSeconds: env.IMS_REPO_WAIT_SECONDS,
    recipeLimits: { maxBytes: env.IMS_MAX_RECIPE_BYTES, maxEntries: RECIPE_ENTRIES },
    maxLogBytes: env.IMS_MAX_LOG_BYTES,
    logRetentionDays: env.IMS_LOG_RETENTION_DAYS,
    pack: {
      compression: env.IMS_SQUASHFS_COMPRESSION,
      ...packLevel(env),
      ...(env.IMS_SQUASHFS_PROCESSORS === undefined ? {} : { processors: env.IMS_SQUASHFS_PROCESSORS }),
    },
    limited: env.IMS_JOB_LIMITS === "on",
    signedUrlSeconds: env.S3_URL_EXPIRATION,
    partsFromBytes: env.IMS_UPLOAD_PARTS_FROM ?? PARTS_FROM_BYTES[env.IMS_ARTIFACTS],
    defaults: {
      buildEnvSize: env.DEFAULT_IMS_IMAGE_SIZE,
      jobMemSize: env.DEFAULT_IMS_JOB_MEM_SIZE,
      namespace: env.DEFAULT_IMS_JOB_NAMESPACE,
      enableDkms: env.JOB_ENABLE_DKMS,
      signingKeys: env.IMS_KUBERNETES_SIGNING_KEYS !== undefined,
    },
    domain: domainOf(env),
    nativeArch: arch === "arm64" ? "aarch64" : "x86_64",
  };
}
