import { basename, isAbsolute, normalize } from "node:path";
import * as v from "valibot";

const LONGEST_INPUT = 65_536;

const Environment = v.pipe(
  v.object({
    IMS_JOB_ID: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/u, "is no id of a job")),
    IMS_SERVICE_URL: v.pipe(
      v.string(),
      v.url("is not a URL"),
      v.regex(/^https?:/u, "is neither http nor https"),
    ),
    IMS_WORK_FOLDER: v.pipe(
      v.string(),
      v.check((path) => isAbsolute(path) && normalize(path) === path, "is not an absolute, plain path"),
    ),
    IMS_AGENT_PATIENCE: v.optional(
      v.pipe(v.string(), v.regex(/^\d{1,6}$/u, "is not a whole number of seconds"), v.transform(Number)),
      "900",
    ),
    IMS_TOKEN_FILE: v.optional(v.pipe(v.string(), v.check(isAbsolute, "is not an absolute path"))),
    IMS_AGENT_IMAGE: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"), v.maxLength(500, "is too long"))),
    IMS_SHELL_PORT: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^[1-9]\d{0,4}$/u, "is not a port"),
        v.transform(Number),
        v.maxValue(65_535, "is not a port"),
      ),
    ),
    IMS_SHELL_HOST: v.optional(
      v.pipe(v.string(), v.regex(/^[\w.:-]{1,253}$/u, "is no name or address of a machine")),
    ),
    IMS_TUNNEL_SOCKET: v.optional(v.pipe(v.string(), v.check(isAbsolute, "is not an absolute path"))),
    IMS_TERMINATION_LOG: v.optional(v.pipe(v.string(), v.check(isAbsolute, "is not an absolute path"))),
    IMS_KEEP_WORK: v.optional(v.picklist(["0", "1"], "is neither 0 nor 1"), "0"),
    IMS_KIWI: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"))),
    IMS_SIGNING_KEYS: v.optional(v.pipe(v.string(), v.check(isAbsolute, "is not an absolute path"))),
    IMS_PACKER: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"))),
    IMS_PACKER_PLUGINS: v.optional(v.pipe(v.string(), v.check(isAbsolute, "is not an absolute path"))),
    IMS_PYTHON: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"))),
    IMS_MKSQUASHFS: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"))),
    IMS_UNSQUASHFS: v.optional(v.pipe(v.string(), v.nonEmpty("is empty"))),
  }),
  // All of it is removed in the end: a slip must not hit somebody's home.
  v.forward(
    v.check((env) => basename(env.IMS_WORK_FOLDER) === env.IMS_JOB_ID, "does not end in the job's id"),
    ["IMS_WORK_FOLDER"],
  ),
);

export interface AgentSettings {
  readonly jobId: string;
  readonly serviceUrl: string;
  /** Made by whoever starts the agent or by the agent, and removed in the end. */
  readonly workFolder: string;
  /** Seconds. */
  readonly patience: number;
  readonly keepWork: boolean;
  /** File of the token; absent: it comes on standard input. */
  readonly tokenFile?: string;
  /** Container image that the agent runs in. */
  readonly image?: string;
  /** At which shells listen, on all addresses. */
  readonly shellPort?: number;
  /** On which shells listen, at any free port, instead of where the job's plan says. */
  readonly shellHost?: string;
  /** Socket file that leads to the service and to signed URLs; absent: the network does. */
  readonly tunnelSocket?: string;
  /** Takes the agent's last words when it ends without success; made by whoever wants to read them. */
  readonly terminationLog?: string;
  /** Programs that are not to be found by their usual names. */
  readonly programs: {
    readonly kiwi?: string;
    readonly signingKeys?: string;
    readonly packer?: string;
    readonly packerPlugins?: string;
    readonly python?: string;
    readonly mksquashfs?: string;
    readonly unsquashfs?: string;
  };
}

/** The agent was started with settings that it cannot work with. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** @throws SettingsError naming every variable that is wrong. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): AgentSettings {
  const result = v.safeParse(Environment, environment);
  if (!result.success) {
    const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "environment"} ${issue.message}`);
    throw new SettingsError(`The agent cannot start: ${problems.join("; ")}.`);
  }
  const env = result.output;
  return {
    jobId: env.IMS_JOB_ID,
    serviceUrl: env.IMS_SERVICE_URL,
    workFolder: env.IMS_WORK_FOLDER,
    patience: env.IMS_AGENT_PATIENCE,
    keepWork: env.IMS_KEEP_WORK === "1",
    ...containerSettings(env),
    programs: {
      ...(env.IMS_KIWI === undefined ? {} : { kiwi: env.IMS_KIWI }),
      ...(env.IMS_SIGNING_KEYS === undefined ? {} : { signingKeys: env.IMS_SIGNING_KEYS }),
      ...(env.IMS_PACKER === undefined ? {} : { packer: env.IMS_PACKER }),
      ...(env.IMS_PACKER_PLUGINS === undefined ? {} : { packerPlugins: env.IMS_PACKER_PLUGINS }),
      ...(env.IMS_PYTHON === undefined ? {} : { python: env.IMS_PYTHON }),
      ...(env.IMS_MKSQUASHFS === undefined ? {} : { mksquashfs: env.IMS_MKSQUASHFS }),
      ...(env.IMS_UNSQUASHFS === undefined ? {} : { unsquashfs: env.IMS_UNSQUASHFS }),
    },
  };
}

type InContainer = Pick<
  AgentSettings,
  "tokenFile" | "image" | "shellPort" | "shellHost" | "tunnelSocket" | "terminationLog"
>;

function containerSettings(env: v.InferOutput<typeof Environment>): InContainer {
  return {
    ...(env.IMS_TOKEN_FILE === undefined ? {} : { tokenFile: env.IMS_TOKEN_FILE }),
    ...(env.IMS_AGENT_IMAGE === undefined ? {} : { image: env.IMS_AGENT_IMAGE }),
    ...(env.IMS_SHELL_PORT === undefined ? {} : { shellPort: env.IMS_SHELL_PORT }),
    ...(env.IMS_SHELL_HOST === undefined ? {} : { shellHost: env.IMS_SHELL_HOST }),
    ...(env.IMS_TUNNEL_SOCKET === undefined ? {} : { tunnelSocket: env.IMS_TUNNEL_SOCKET }),
    ...(env.IMS_TERMINATION_LOG === undefined ? {} : { terminationLog: env.IMS_TERMINATION_LOG }),
  };
}

/** A bearer token, as it can stand in a header. */
const TokenLine = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ token: v.pipe(v.string(), v.regex(/^[\w.~+/=-]{1,4096}$/u)) }),
);

/**
 * The token: one line of JSON, `{"token": "..."}`, from standard input, since argument list and environment can be read
 * by others, and a disk outlives the job; or from a file that whoever runs containers keeps in memory, or removes.
 * @throws SettingsError when there is none. The message never tells what was read.
 */
export async function readToken(
  input: AsyncIterable<Uint8Array>,
  source = "its standard input",
): Promise<string> {
  const line = await firstLine(input).catch((cause: unknown) => {
    throw new SettingsError(`The agent cannot start: ${source} cannot be read (${String(cause)}).`, {
      cause,
    });
  });
  const result = v.safeParse(TokenLine, line);
  if (result.success) return result.output.token;
  throw new SettingsError(`The agent cannot start: ${source} brought no {"token": "..."}.`);
}

async function firstLine(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    size += chunk.length;
    if (chunk.includes(10) || size > LONGEST_INPUT) break;
  }
  const [line = ""] = Buffer.concat(chunks).toString("utf8").split("\n");
  return line;
}
