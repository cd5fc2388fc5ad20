import { constants } from "node:fs";
import { mkdir, open, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../../core/errors.ts";
import type { AgentPresence, JobRunner, LaunchOrder } from "../../../core/ports/job-runner.ts";
import { asDomainError, isMissing } from "../../process/errors.ts";
import { killJobProcesses } from "../../process/job-processes.ts";
import { listProcesses, readProcess } from "../../process/process-table.ts";
import type { ProcessView } from "../../process/process-table.ts";
import { createRunCommand, spawnDetached } from "../../process/spawn.ts";
import type { DetachedProcess } from "../../process/spawn.ts";
import { removeWorkFolder } from "../../process/work-folder.ts";
import { readLivingAgent, writeAgentFile } from "./agent-file.ts";
import { claimed } from "./claim.ts";
import { createIsolation } from "./isolation.ts";
import type { Argv } from "./isolation.ts";

const OUTPUT = "agent.out";
const CLAIMS = ".claims";
const LONGEST_REASON = 300;
const OUTPUT_TAIL = 4096;

export interface LocalRunnerConfig {
  /** Folder that holds a work folder for each job; made when it is not there. */
  readonly workRoot: string;
  /** Where agents reach the service; asked at each launch, because the port may be known only then. */
  readonly serviceUrl: () => string;
  /** How an agent is started: a program and its arguments. */
  readonly agentCommand: Argv;
  /** All that agents find in their environment, next to what concerns their job. Must not hold secrets. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** `auto` (default): namespaces where the machine gives them. `none`: a plain process. */
  readonly isolation?: "auto" | "none";
}

/** Runs each agent as a process of this machine that outlives the service. */
export function createLocalRunner(config: LocalRunnerConfig): JobRunner {
  const run = createRunCommand({ env: config.agentEnv });
  const isolate = config.isolation === "none" ? plainly : createIsolation(run);
  /** The agents that this very process started, and how they ended. */
  const started = new Map<string, { ending?: string }>();

  const place = async (jobId: string): Promise<Place> => {
    const root = await openRoot(config.workRoot);
    return { jobId, folder: join(root, safeName(jobId)), claims: join(root, CLAIMS) };
  };

  const clean = async ({ jobId, folder }: Place): Promise<void> => {
    await killJobProcesses(jobId, folder);
    await removeWorkFolder(folder, run);
    started.delete(jobId);
  };

  const start = async (at: Place, order: LaunchOrder): Promise<void> => {
    const [file, ...args] = await isolate(config.agentCommand);
    const env = {
      ...config.agentEnv,
      IMS_JOB_ID: at.jobId,
      IMS_SERVICE_URL: config.serviceUrl(),
      IMS_WORK_FOLDER: at.folder,
    };
    const agent = await spawnAgent(at.folder, { file, args, env });
    const own: { ending?: string } = {};
    started.set(at.jobId, own);
    void agent.ended.then((how) => (own.ending = how));
    await introduce(agent, at.folder, order);
  };

  return {
    name: "local",

    launch: async (order) => {
      const at = await place(order.jobId);
      await claimed(at.claims, at.jobId, async () => {
        const living = await readLivingAgent(at.folder);
        if (living !== undefined && living.attempt >= order.attempt) return;
        await clean(at);
        await start(at, order);
      });
    },

    inspect: async (jobId) => {
      const at = await place(jobId);
      if ((await readLivingAgent(at.folder)) !== undefined) return { state: "running" };
      if ((await listProcesses()).some((view) => isAgent(view, at))) return { state: "running" };
      return absent(started.get(jobId)?.ending, await lastLine(at.folder));
    },

    stop: async (jobId) => {
      const at = await place(jobId);
      await claimed(at.claims, at.jobId, () => clean(at));
    },

    leftovers: async () => {
      const root = await openRoot(config.workRoot);
      const ids = new Set(await foldersIn(root));
      for (const view of await listProcesses()) {
        const id = jobOf(view, root);
        if (id !== undefined) ids.add(id);
      }
      return [...ids].sort();
    },
  };
}

interface Place {
  readonly jobId: string;
  /** The work folder, without links. */
  readonly folder: string;
  readonly claims: string;
}

async function plainly(command: Argv): Promise<Argv> {
  return command;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/u;

/** A job's id becomes the name of a folder that is removed later. */
function safeName(jobId: string): string {
  if (NAME.test(jobId)) return jobId;
  throw new DomainError("invalid", "This is no id of a job.");
}

/** mountinfo and /proc know folders by their real paths only. */
async function openRoot(workRoot: string): Promise<string> {
  try {
    await mkdir(workRoot, { recursive: true, mode: 0o700 });
    return await realpath(workRoot);
  } catch (error) {
    throw asDomainError(error, "The folder of running jobs cannot be used.");
  }
}

async function foldersIn(root: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && NAME.test(entry.name)).map(({ name }) => name);
  } catch (error) {
    throw asDomainError(error, "The folder of running jobs cannot be read.");
  }
}

interface AgentProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function spawnAgent(folder: string, program: AgentProgram): Promise<DetachedProcess> {
  try {
    await mkdir(folder, { mode: 0o700 });
    const output = await open(join(folder, OUTPUT), "ax", 0o600);
    try {
      return await spawnDetached({ ...program, cwd: folder, output: output.fd });
    } finally {
      await output.close();
    }
  } catch (error) {
    throw asDomainError(error, "The agent cannot be started.");
  }
}

/**
 * Notes the agent first and gives it its token then: an agent that a crash kept from being noted finds its input closed
 * without a token, and ends without having done anything.
 */
async function introduce(agent: DetachedProcess, folder: string, order: LaunchOrder): Promise<void> {
  try {
    const facts = await readProcess(agent.pid);
    if (facts === undefined)
      throw new DomainError("unavailable", `The agent ended at once: ${await agent.ended}.`);
    await writeAgentFile(folder, { pid: agent.pid, started: facts.started, attempt: order.attempt });
    await agent.give(`${JSON.stringify({ token: order.token })}\n`);
  } catch (error) {
    agent.kill();
    throw asDomainError(error, "The agent cannot be started.");
  }
}

function valueOf(view: ProcessView, name: string): string | undefined {
  return view.environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Agents alone know where the service is; what they run is not told. */
function isAgent(view: ProcessView, at: Place): boolean {
  return (
    valueOf(view, "IMS_JOB_ID") === at.jobId &&
    valueOf(view, "IMS_WORK_FOLDER") === at.folder &&
    valueOf(view, "IMS_SERVICE_URL") !== undefined
  );
}

/** The job of a process, if it is one of this folder's: another service may run its own on the same machine. */
function jobOf(view: ProcessView, root: string): string | undefined {
  const id = valueOf(view, "IMS_JOB_ID");
  return id !== undefined && valueOf(view, "IMS_WORK_FOLDER") === join(root, id) ? id : undefined;
}

/** unshare, as of util-linux 2.38, stumbles over its own way of passing a signal on. */
const UNSHARE_STUMBLED = /^unshare: sigprocmask /u;

function absent(ending: string | undefined, line: string | undefined): AgentPresence {
  if (line !== undefined && UNSHARE_STUMBLED.test(line))
    return { state: "absent", reason: "killed by a signal" };
  const known = [ending, line].filter((part) => part !== undefined);
  return known.length === 0 ? { state: "absent" } : { state: "absent", reason: known.join(": ") };
}

/** What the agent said last on its own output, which says nothing as long as all goes well. */
async function lastLine(folder: string): Promise<string | undefined> {
  try {
    const file = await open(join(folder, OUTPUT), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read({
        position: Math.max(0, size - OUTPUT_TAIL),
        length: OUTPUT_TAIL,
      });
      return (
        buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n").at(-1)?.slice(0, LONGEST_REASON) ||
        undefined
      );
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asDomainError(error, "The work folder of a job cannot be read.");
  }
}
