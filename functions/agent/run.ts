import { inspect } from "node:util";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { AgentFailure, AgentFinish } from "../../core/jobs/agent-messages.ts";
import type { AgentOrigin } from "../../core/images/provenance.ts";
import type { AgentTools } from "../../core/ports/agent-tools.ts";
import type { JobStatus } from "../../core/jobs/status.ts";
import type { Plan, Step } from "../../core/jobs/plan.ts";
import { AgentEnding } from "./ending.ts";
import { withDiskUse } from "./disk-report.ts";
import { offerDebugShell } from "./debug-shell.ts";
import { failureOf } from "./failure.ts";
import type { JobLog } from "./log-shipper.ts";
import { secretValues } from "./secrets.ts";
import { createReporter } from "./reporter.ts";
import type { Reporter, StatusFacts } from "./reporter.ts";
import type { JobResources } from "./resources.ts";
import type { ServiceClient } from "./service-client.ts";
import { type RunCommand, type StepContext, StepFailure, type StepState } from "./step.ts";

/** For the rest of the log, once the work is done. */
const DRAIN_MILLISECONDS = 120_000;

export interface AgentParts {
  readonly jobId: string;
  readonly workFolder: string;
  readonly service: ServiceClient;
  readonly log: JobLog;
  /** Makes a text fit for users: no secrets, no control characters. */
  readonly clean: (text: string) => string;
  /** Makes these values secrets. */
  readonly hide: (values: readonly string[]) => void;
  readonly run: RunCommand;
  readonly tools: AgentTools;
  readonly resources: JobResources;
  readonly carryOut: (context: StepContext, step: Step) => Promise<void>;
  /** Aborted with an {@link AgentEnding} when the agent is to end before its work is done. */
  readonly signal: AbortSignal;
  /** The agent's own output, for who runs the machine. */
  readonly complain: (text: string) => void;
  /** What this agent is, for the images that it makes. */
  readonly origin?: AgentOrigin;
}

/**
 * Fetches the job's plan, carries it out, and tells the service how it went.
 * @throws AgentEnding when the agent is to end without that.
 */
export async function runPlan(parts: AgentParts): Promise<void> {
  try {
    const plan = await fetchPlan(parts);
    for (const step of plan.steps)
      if (step.do === "render-templates") parts.hide(secretValues(step.variables));
    if (plan.log_bytes !== undefined) parts.log.limit(plan.log_bytes);
    await carryOutPlan(parts, plan);
  } catch (error) {
    parts.signal.throwIfAborted();
    await tellFailure(parts, error);
  }
}

async function fetchPlan({ jobId, service }: AgentParts): Promise<Plan> {
  const plan = await service.plan().catch((error: unknown) => {
    if (!isDomainError(error, "invalid")) throw error;
    throw new StepFailure("download_failed", error.message, {
      hint: "Upload the recipe or build the image anew, then post a job for it.",
      cause: error,
    });
  });
  if (plan.job_id === jobId) return plan;
  throw new DomainError("unavailable", "The service sent the plan of another job.");
}

/** The service hears of the agent until it knows how the job ended: storing the last of it may take a while. */
async function carryOutPlan(parts: AgentParts, plan: Plan): Promise<void> {
  const reporter = createReporter({
    send: (report) => parts.service.report(report),
    heartbeat: plan.heartbeat_seconds,
    clean: parts.clean,
    onError: (error) => {
      if (!(error instanceof AgentEnding)) parts.complain(`A report was not taken: ${String(error)}`);
    },
  });
  try {
    const done = await carryOutSteps(parts, plan, reporter);
    await reporter.settle();
    await parts.log.drain(DRAIN_MILLISECONDS);
    await parts.service.finish(finishOf(parts, done));
  } catch (error) {
    parts.signal.throwIfAborted();
    // The service judges a failure by the status in which it happened.
    await reporter.settle();
    await tellFailure(parts, error, plan);
  } finally {
    reporter.stop();
  }
}

function finishOf({ origin }: AgentParts, { builder, uploaded }: StepState): AgentFinish {
  return {
    artifacts: [...uploaded],
    ...(builder === undefined ? {} : { builder }),
    ...(origin === undefined ? {} : { agent: origin }),
  };
}

async function explain(parts: AgentParts, error: unknown, plan: Plan | undefined): Promise<AgentFailure> {
  const { clean, complain, resources, signal, tools, workFolder } = parts;
  const failure = await resources.explain(failureOf(error, clean));
  if (failure.code !== "disk_full" || plan === undefined) return failure;
  try {
    return withDiskUse(failure, plan.build_env_size, await tools.disk.use(workFolder, signal));
  } catch (reason) {
    signal.throwIfAborted();
    complain(`The disk's use is not known: ${clean(inspect(reason))}`);
    return failure;
  }
}

async function tellFailure(parts: AgentParts, error: unknown, plan?: Plan): Promise<void> {
  const { clean, complain, log, service } = parts;
  const failure = await explain(parts, error, plan);
  complain(`${failure.code}: ${clean(inspect(error))}`);
  log.note(`The job failed (${failure.code}): ${failure.message}`);
  await log.drain(DRAIN_MILLISECONDS);
  await service.fail(failure);
}

async function carryOutSteps(parts: AgentParts, plan: Plan, reporter: Reporter): Promise<StepState> {
  const { log, resources, run, service, tools, workFolder } = parts;
  const signal = AbortSignal.any([parts.signal, resources.exceeded]);
  const state: StepState = { uploaded: [] };
  const { progress } = reporter;
  const context = { plan, workFolder, log: log.line, progress, signal, run, service, tools, state };
  try {
    for (const step of plan.steps) {
      signal.throwIfAborted();
      reporter.status(step.status, shellFacts(step.status, state));
      await carryOutStep(parts, { context, reporter, step });
    }
    return state;
  } finally {
    await closeShell(parts, state);
  }
}

/** Clients connect as soon as they read the status, so it says where to. */
function shellFacts(status: JobStatus, { shell }: StepState): StatusFacts {
  return status === "waiting_on_user" && shell !== undefined ? { shell: { port: shell.port } } : {};
}

interface Performance {
  readonly context: StepContext;
  readonly reporter: Reporter;
  readonly step: Step;
}

/** A build that fails may be looked into, when that was asked for, before the job ends with its failure. */
async function carryOutStep(parts: AgentParts, { context, reporter, step }: Performance): Promise<void> {
  const { log, resources, signal } = parts;
  try {
    await timed(log, step.do, () => parts.carryOut(context, step));
    await resources.passed();
  } catch (error) {
    signal.throwIfAborted();
    if (resources.exceeded.aborted || step.status !== "building_image" || context.plan.shell === undefined)
      throw error;
    const failure = await explain(parts, error, context.plan);
    log.note(`The build failed (${failure.code}): ${failure.message}`);
    // The service keeps the log's last lines with the failure.
    await log.drain(DRAIN_MILLISECONDS);
    await offerDebugShell(context, reporter, { ...failure, phase: step.status });
    throw error;
  }
}

/** One that is still open when the work ends, however it ends. */
async function closeShell({ complain }: AgentParts, state: StepState): Promise<void> {
  try {
    await state.shell?.close();
  } catch (error) {
    complain(`The shell cannot be closed: ${String(error)}`);
  }
}

/** The lines in which the time of tools can be told from the agent's own: always of this form. */
async function timed(log: JobLog, name: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now();
  const seconds = (): string => ((performance.now() - start) / 1000).toFixed(3);
  log.note(`step ${name} began`);
  try {
    await work();
  } catch (error) {
    log.note(`step ${name} failed after ${seconds()} s`);
    throw error;
  }
  log.note(`step ${name} took ${seconds()} s`);
}
