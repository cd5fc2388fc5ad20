import { access, constants, stat } from "node:fs/promises";
import path from "node:path";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { DomainError } from "../../core/errors.ts";
import type { RunnerKind, Config } from "../config.ts";
import { agentImageFile } from "./ssh.ts";
import { openRecords, prepareStorage, sqliteFile } from "./stores.ts";

/** What was looked at, and what is missing there. */
export interface Finding {
  readonly area: string;
  /** Absent: it is as it should be. */
  readonly lack?: string;
  readonly hint?: string;
  /** What is worth to be said of what is as it should be. */
  readonly note?: string;
}

export interface DoctorOptions {
  /** Whether to really start what jobs would start. */
  readonly trial: boolean;
}

/** Looks at everything that the configuration names, and changes nothing, one finding after the other. */
export async function* diagnose(config: Config, options: DoctorOptions): AsyncGenerator<Finding> {
  yield* await storage(config);
  for (const kind of config.jobs) yield* await RUNNERS[kind](config, options);
}

async function storage(config: Config): Promise<readonly Finding[]> {
  const { artifacts, data, jobLogs, records } = config;
  const kinds = `records: ${records.kind}, artifacts: ${artifacts.kind}, job logs: ${jobLogs.kind}`;
  const local = [records.kind === "sqlite", artifacts.kind === "files", jobLogs.kind === "files"].includes(
    true,
  );
  const problems = [
    await problem(() => prepareStorage({ ...config, createStorage: false })),
    local ? await problem(() => writable(data)) : undefined,
    await problem(() => recordsAnswer(config)),
  ].filter((each) => each !== undefined);
  if (problems.length === 0) return [{ area: "storage", note: kinds }];
  return problems.map((lack) => ({
    area: "storage",
    lack,
    hint: "See Storage in the README: what is missing is made by a start with IMS_CREATE_STORAGE=yes, or by hand.",
  }));
}

async function problem(look: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error.message;
    throw error;
  }
}

/** The folder, or where it would be made. */
async function writable(folder: string): Promise<void> {
  const place = path.resolve(folder);
  const there = await isThere(place);
  if (!there && path.dirname(place) !== place) return await writable(path.dirname(place));
  await access(place, constants.W_OK).catch((cause: unknown) => {
    throw new DomainError("unavailable", `Nothing can be written to ${place} (IMS_DATA).`, { cause });
  });
}

const isThere = (place: string): Promise<boolean> =>
  stat(place).then(
    () => true,
    () => false,
  );

/** A database that is not there yet is made by the service. */
async function recordsAnswer(config: Config): Promise<void> {
  if (config.records.kind === "sqlite" && !(await isThere(sqliteFile(config)))) return;
  const records = await openRecords(config);
  try {
    await records.check();
  } finally {
    await records.close();
  }
}

type Look = (config: Config, options: DoctorOptions) => Promise<readonly Finding[]>;

const RUNNERS: Readonly<Record<RunnerKind, Look>> = { local: localTools, ssh: nodes, kubernetes };

async function kubernetes(config: Config, options: DoctorOptions): Promise<readonly Finding[]> {
  const area = "kubernetes";
  const { kubernetesLacks } = await import("./kubernetes.ts");
  try {
    const lacks = await kubernetesLacks(config, options);
    if (lacks.length > 0) return lacks.map(({ what, hint }) => ({ area, lack: what, hint }));
    const tried = options.trial
      ? "a job was made, run and removed"
      : "not tried: ims doctor --try starts a job";
    return [
      { area, note: `namespace ${config.kubernetes.namespace}, image ${config.kubernetes.image}; ${tried}` },
    ];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return [{ area, lack: error.message, hint: "Mend that first; the rest could not be looked at." }];
  }
}

/** The nodes themselves are looked at all the time: GET /v3/remote-build-nodes/status. */
async function nodes({ ssh }: Config): Promise<readonly Finding[]> {
  const area = "ssh";
  const { readPrivateKey } = await import("../../adapters/ssh/private-key.ts");
  try {
    await readPrivateKey(ssh?.keyFile ?? "");
    const image = agentImageFile(ssh);
    if (await isThere(image)) return [{ area, note: `key and agent's image are there (${image})` }];
    const hint = "Build it (infra/containers/build.ts agent), or name one with IMS_SSH_IMAGE.";
    return [{ area, lack: "There is no container image of the agent.", hint }];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return [{ area, lack: error.message, hint: "Name a usable private key with IMS_SSH_KEY_FILE." }];
  }
}

/** What jobs run, what it is for, and Debian's package of it. */
const PROGRAMS = [
  { name: "kiwi-ng", variable: "IMS_KIWI", use: "kiwi-ng recipes", apt: "kiwi" },
  { name: "packer", variable: "IMS_PACKER", use: "packer recipes", apt: "packer", optional: true },
  { name: "mksquashfs", variable: "IMS_MKSQUASHFS", use: "packing images", apt: "squashfs-tools" },
  { name: "unsquashfs", variable: "IMS_UNSQUASHFS", use: "customizing images", apt: "squashfs-tools" },
  { name: "sshd", use: "shells", apt: "openssh-server" },
  { name: "unshare", use: "shells, and keeping jobs apart", apt: "util-linux" },
  { name: "python3", variable: "IMS_PYTHON", use: "recipes with templates", apt: "python3-jinja2" },
] as const;

async function localTools({ agentEnv }: Config): Promise<readonly Finding[]> {
  const found = await Promise.all(
    PROGRAMS.map(async (program) => {
      const given = "variable" in program ? agentEnv[program.variable] : undefined;
      return { program, there: await isProgram(given ?? program.name) };
    }),
  );
  const missing = found.filter(({ there }) => !there).map(({ program }) => program);
  const lacks = missing.filter((program) => !("optional" in program));
  if (lacks.length > 0)
    return lacks.map(({ apt, name, use }) => ({
      area: "local",
      lack: `${name} is not on this machine: ${use} cannot be done.`,
      hint: `On Debian and Ubuntu: apt-get install ${apt}.`,
    }));
  const without = missing.map(({ name, use }) => `no ${name}, so no ${use}`).join("; ");
  return [{ area: "local", note: without === "" ? "all programs are there" : without }];
}

async function isProgram(name: string): Promise<boolean> {
  const folders = name.includes("/") ? [""] : (plainEnvironment(process.env)["PATH"] ?? "").split(":");
  const found = await Promise.all(
    folders.map((folder) =>
      access(path.join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
