import { mkdir } from "node:fs/promises";
import { DomainError } from "../../../core/errors.ts";
import type { RunCommand } from "../../../core/ports/commands.ts";
import type { LaunchOrder } from "../../../core/ports/job-runner.ts";
import { asDomainError } from "../../process/errors.ts";
import { readProcess } from "../../process/process-table.ts";
import { spawnDetached } from "../../process/spawn.ts";
import type { DetachedProcess } from "../../process/spawn.ts";
import type { LocalRunnerConfig } from "./config.ts";
import { confinementEnvironment } from "./confinement.ts";
import { NO_ISOLATION, probeIsolation } from "./isolation.ts";
import type { Isolation } from "./isolation.ts";
import { findJobGroups, NO_GROUPS } from "../../cgroups/job-groups.ts";
import type { JobGroups } from "../../cgroups/job-groups.ts";
import type { AgentNote } from "./agent-note.ts";
import type { JobPlace } from "./place.ts";

interface AgentProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A job has no say in its own limits. */
const CONTROL_GROUPS = "/sys/fs/cgroup";
/** Far more than builds have; a fork bomb stays below what the machine can bear. */
const MOST_PROCESSES = 8192;

type StartAgent = (at: JobPlace, order: LaunchOrder) => Promise<{ readonly ended: Promise<string> }>;

/** Starts agents, noted, each in a new work folder and as far apart as it should be. Answers how it ended, once it has. */
export function createAgentStarter(config: LocalRunnerConfig, run: RunCommand): StartAgent {
  let probing: Promise<Means> | undefined;

  return async (at, order) => {
    const { isolation, groups, lacks } = await (probing ??= probe(config, run));
    const [file, ...args] = isolation.wrap(config.agentCommand);
    const own = groups.foldersOf(groupName(at.jobId));
    const confinement = {
      ownMounts: isolation.ownMounts,
      hidden: [...(config.hidden ?? []), CONTROL_GROUPS],
      needed: config.needed ?? [],
      groups: own,
      lacks,
      ...(order.limits === undefined ? {} : { limits: order.limits }),
    };
    const env = {
      ...config.agentEnv,
      ...confinementEnvironment(confinement),
      IMS_JOB_ID: at.jobId,
      IMS_SERVICE_URL: config.serviceUrl(),
      IMS_WORK_FOLDER: at.folder,
    };
    const { memoryBytes } = order.limits ?? {};
    const note = { attempt: order.attempt, groups: own, memoryBytes };
    await at.notes.write(at.jobId, note);
    await groups.make(groupName(at.jobId), { memoryBytes, processes: MOST_PROCESSES });
    const agent = await spawnAgent(at, { file, args, env });
    await introduce(agent, at, note, order.token);
    return agent;
  };
}

/** What this machine gives to keep jobs apart. */
interface Means {
  readonly isolation: Isolation;
  readonly groups: JobGroups;
  readonly lacks: readonly string[];
}

async function probe(config: LocalRunnerConfig, run: RunCommand): Promise<Means> {
  if (config.isolation === "none") return { isolation: NO_ISOLATION, groups: NO_GROUPS, lacks: [] };
  const [isolation, groups] = [await probeIsolation(run), await findJobGroups()];
  const lacks = [...isolation.lacks, ...groups.lacks];
  for (const lack of lacks) config.onLack?.(lack);
  return { isolation, groups, lacks };
}

function groupName(jobId: string): string {
  return `ims-job-${jobId}`;
}

async function spawnAgent(
  { folder, jobId, notes }: JobPlace,
  program: AgentProgram,
): Promise<DetachedProcess> {
  try {
    await mkdir(folder, { mode: 0o700 });
    const output = await notes.openOutput(jobId);
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
async function introduce(
  agent: DetachedProcess,
  { jobId, notes }: JobPlace,
  note: Omit<AgentNote, "boot">,
  token: string,
): Promise<void> {
  try {
    const facts = await readProcess(agent.pid);
    if (facts === undefined)
      throw new DomainError("unavailable", `The agent ended at once: ${await agent.ended}.`);
    const { pid, started } = facts;
    await notes.write(jobId, { ...note, agent: { pid, started } });
    await agent.give(`${JSON.stringify({ token })}\n`);
  } catch (error) {
    agent.kill();
    throw asDomainError(error, "The agent cannot be started.");
  }
}
