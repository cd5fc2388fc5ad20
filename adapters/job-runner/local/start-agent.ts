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
import type { JobPlace } from "./place.ts";

interface AgentProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type StartAgent = (at: JobPlace, order: LaunchOrder) => Promise<{ readonly ended: Promise<string> }>;

/** Starts agents, noted, each in a new work folder and as far apart as it should be. Answers how it ended, once it has. */
export function createAgentStarter(config: LocalRunnerConfig, run: RunCommand): StartAgent {
  let probing: Promise<Isolation> | undefined;

  const probe = async (): Promise<Isolation> => {
    if (config.isolation === "none") return NO_ISOLATION;
    const isolation = await probeIsolation(run);
    for (const lack of isolation.lacks) config.onLack?.(lack);
    return isolation;
  };

  return async (at, order) => {
    const { wrap, ownMounts, lacks } = await (probing ??= probe());
    const [file, ...args] = wrap(config.agentCommand);
    const { hidden = [], needed = [] } = config;
    const env = {
      ...config.agentEnv,
      ...confinementEnvironment({ ownMounts, hidden, needed, lacks }),
      IMS_JOB_ID: at.jobId,
      IMS_SERVICE_URL: config.serviceUrl(),
      IMS_WORK_FOLDER: at.folder,
    };
    await at.notes.write(at.jobId, { attempt: order.attempt });
    const agent = await spawnAgent(at, { file, args, env });
    await introduce(agent, at, order);
    return agent;
  };
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
  order: LaunchOrder,
): Promise<void> {
  try {
    const facts = await readProcess(agent.pid);
    if (facts === undefined)
      throw new DomainError("unavailable", `The agent ended at once: ${await agent.ended}.`);
    const { pid, started } = facts;
    await notes.write(jobId, { attempt: order.attempt, agent: { pid, started } });
    await agent.give(`${JSON.stringify({ token: order.token })}\n`);
  } catch (error) {
    agent.kill();
    throw asDomainError(error, "The agent cannot be started.");
  }
}
