import type { CorePorts } from "../core-ports.ts";
import { reapply } from "../retry.ts";
import type { ShellAddresses } from "../ports/job-runner.ts";
import type { Settings } from "../settings.ts";
import { within } from "../time-limit.ts";
import type { JobActivity } from "./activity.ts";
import { refOf, runnerOf } from "./runners.ts";
import { type AgentFailure, type AgentFinish, type AgentReport } from "./agent-messages.ts";
import { createAgentGuard, gone } from "./agent-guard.ts";
import type { AgentIdentity } from "./agent-tokens.ts";
import { heartbeat } from "./activities.ts";
import { finishImage } from "./finish-image.ts";
import { imageDownload } from "./image-download.ts";
import type { Job } from "./job.ts";
import { failJob, tailOrNothing } from "./job-endings.ts";
import { appendWithin } from "./log-bound.ts";
import { isLogOpen } from "./log-life.ts";
import { createLogStarts } from "./log-starts.ts";
import { createPlan } from "./make-plan.ts";
import type { Plan } from "./plan.ts";
import { recipeDownload } from "./recipe-download.ts";
import { type ReportFacts, reported } from "./transitions.ts";
import { createUploadTargets, type UploadTargets } from "./upload-targets.ts";

/** Agents wait longer for an answer. */
const ADDRESS_LIMIT_MS = 10_000;

/**
 * What a job's agent may ask and say. Each call throws `gone` once the job is over or deleted, or a newer attempt has
 * begun: the agent then destroys its own work.
 */
export interface Agents extends UploadTargets {
  plan(agent: AgentIdentity): Promise<Plan>;
  report(agent: AgentIdentity, report: AgentReport): Promise<void>;
  /** Appends to this attempt's log, within the log's limit, and answers its size. @throws `conflict` for a gap. */
  appendLog(agent: AgentIdentity, offset: number, bytes: Uint8Array): Promise<number>;
  logSize(agent: AgentIdentity): Promise<number>;
  /** Stores manifest, image record and the job's success; safe to repeat. @throws `invalid` when an upload is not there. */
  finish(agent: AgentIdentity, message: AgentFinish): Promise<void>;
  fail(agent: AgentIdentity, failure: AgentFailure): Promise<void>;
}

export function createAgents(ports: CorePorts, settings: Settings, wake: () => void): Agents {
  const { records, logs, clock } = ports;

  const starts = createLogStarts(logs);
  const { current, working } = createAgentGuard(records);

  async function report(agent: AgentIdentity, message: AgentReport): Promise<void> {
    await reapply(ports, async () => {
      const { job, activity } = await working(agent);
      const facts = await factsFor(ports, settings, { job: job.value, activity: activity.value }, message);
      const value = reported(job.value, message, clock.now(), facts);
      const change =
        value === undefined
          ? []
          : [{ op: "replace", kind: "job", id: job.id, version: job.version, value } as const];
      const beat = heartbeat(activity, clock.now(), settings.jobs.heartbeatSeconds, message.idle_seconds);
      await records.commit([...change, ...beat]);
    });
  }

  return {
    async plan(agent) {
      const job = (await working(agent)).job.value;
      const download = job.job_type === "create" ? recipeDownload : imageDownload;
      return createPlan(job, agent.attempt, await download(ports, settings, job), settings);
    },
    report,
    async appendLog(agent, offset, bytes) {
      const { job, activity } = await current(agent);
      if (!isLogOpen(job.value, activity?.value, clock.now())) throw gone();
      return await appendWithin({ logs, starts }, settings.jobs.maxLogBytes, agent, offset, bytes);
    },
    async logSize(agent) {
      await current(agent);
      return await logs.size(agent.jobId, agent.attempt);
    },
    ...createUploadTargets(ports, settings, working),
    async finish(agent, message) {
      await reapply(ports, async () => {
        const { job } = await current(agent);
        if (job.value.status === "success") return;
        await finishImage(ports, settings, (await working(agent)).job.value, message);
      });
      wake();
    },
    async fail(agent, failure) {
      await reapply(ports, async () => {
        const { job } = await current(agent);
        if (job.value.status === "error") return;
        await working(agent);
        await failJob(ports, settings, agent.jobId, failure);
      });
      wake();
    },
  };
}

/** The log's end is read for a failure alone, when it is told first. */
async function factsFor(
  ports: CorePorts,
  settings: Settings,
  { job, activity }: { readonly job: Job; readonly activity: JobActivity },
  { held, shell }: AgentReport,
): Promise<ReportFacts> {
  const port = shell?.port;
  const facts = port === undefined ? {} : { shell: await shellAddresses(ports, settings, activity, port) };
  if (held === undefined || job.held_failure !== undefined) return facts;
  return { ...facts, logTail: await tailOrNothing(ports, job.id) };
}

/** A runner that cannot tell now has the agent ask again. */
async function shellAddresses(
  { runners, clock }: CorePorts,
  settings: Settings,
  activity: JobActivity,
  port: number,
): Promise<ShellAddresses> {
  const told = runnerOf(runners, activity)?.shellAddresses?.(refOf(activity), port);
  if (told !== undefined) return await within(clock, ADDRESS_LIMIT_MS, "Finding the shell's address", told);
  const address = { host: settings.jobs.shell.host, port };
  return { customer: address, cluster: address };
}
