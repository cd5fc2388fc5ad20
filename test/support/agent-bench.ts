import { randomUUID } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createAgentTools } from "../../adapters/agent-tools.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { createSpool } from "../../adapters/process/spool.ts";
import type { JobLimits } from "../../core/ports/job-runner.ts";
import type { ShellTool } from "../../core/ports/agent-tools.ts";
import type { Plan, Step } from "../../core/jobs/plan.ts";
import { AgentEnding } from "../../functions/agent/ending.ts";
import { createLogShipper } from "../../functions/agent/log-shipper.ts";
import { createLogText } from "../../functions/agent/log-text.ts";
import { runPlan } from "../../functions/agent/run.ts";
import { createResources } from "../../functions/agent/resources.ts";
import { createServiceClient } from "../../functions/agent/service-client.ts";
import type { StepContext } from "../../functions/agent/step.ts";
import { TOKEN, startStubService } from "./stub-service.ts";
import { SHELL_ORDER } from "./shell.ts";
import type { StubService } from "./stub-service.ts";

export const ARTIFACT = { part: "rootfs", size: 3, md5: "0".repeat(32), sha256: "0".repeat(64) } as const;

const STEPS: readonly Step[] = [
  { do: "await-repositories", status: "waiting_for_repos", wait_seconds: 1 },
  { do: "build-with-kiwi", status: "building_image" },
  { do: "upload", status: "packaging_artifacts" },
];

export function planOf(steps: readonly Step[] = STEPS, heartbeat = 5): Plan {
  return {
    job_id: randomUUID(),
    attempt: 1,
    arch: "x86_64",
    build_env_size: 60,
    heartbeat_seconds: heartbeat,
    steps: [...steps],
  };
}

/** What a test lets a step do; steps that it does not name do nothing, and `upload` uploads one artifact. */
type Scenes = Partial<Record<Step["do"], (context: StepContext) => Promise<void> | void>>;

export interface AgentBenchConfig {
  readonly heartbeat?: number;
  readonly patience?: number;
  readonly maxLogBytes?: number;
  /** Of the recipe's templates. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly limits?: JobLimits;
  /** Opened, as the plan says then, when the build fails. */
  readonly shell?: ShellTool;
  /** What the kernel counted of the job's memory. */
  readonly memory?: () => Promise<{ readonly kills: number; readonly peakBytes?: number }>;
}

export interface AgentBench {
  readonly service: StubService;
  readonly complaints: readonly string[];
  /** Ends the agent from outside. */
  readonly end: () => void;
  /** Resolves like the agent ends. */
  readonly run: (scenes: Scenes) => Promise<void>;
}

/** An agent with steps made up by the test, before a stub of the service; everything between them is real. */
export async function createAgentBench(config: AgentBenchConfig = {}): Promise<AgentBench> {
  const { heartbeat, maxLogBytes, variables } = config;
  const templates: Step[] =
    variables === undefined
      ? []
      : [{ do: "render-templates", status: "fetching_recipe", variables: { ...variables } }];
  const plan = {
    ...planOf([...templates, ...STEPS], heartbeat),
    ...(maxLogBytes === undefined ? {} : { log_bytes: maxLogBytes }),
    ...(config.shell === undefined ? {} : { shell: SHELL_ORDER }),
  };
  const service = await startStubService(plan);
  const workFolder = await realpath(await mkdtemp(join(tmpdir(), "agent-")));
  const abort = new AbortController();
  const complaints: string[] = [];
  onTestFinished(async () => {
    abort.abort(new AgentEnding("test over", 0));
    await service.stop();
    await rm(workFolder, { recursive: true, force: true });
  });

  const { clean, hide, line } = createLogText(TOKEN);
  const { signal } = abort;
  const client = createServiceClient({
    serviceUrl: service.url,
    jobId: plan.job_id,
    token: TOKEN,
    patience: config.patience ?? 60,
    signal,
    end: (ending) => abort.abort(ending),
    timing: { request: 1000, firstPause: 5, longestPause: 50 },
  });
  const complain = (text: string): number => complaints.push(text);
  const spool = createSpool(join(workFolder, "agent.log"));
  const log = createLogShipper({
    spool,
    service: client,
    clean: line,
    maxBytes: 2 ** 28,
    onBroken: (error) => complain(String(error)),
  });
  const run = createRunCommand({ env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }, onLine: log.line });
  const real = createAgentTools(run);
  const tools = { ...real, shell: config.shell ?? real.shell };
  const resources = createResources({
    limits: config.limits,
    memory: config.memory ?? (async () => undefined),
    disk: tools.disk,
    workFolder,
    signal,
  });

  return {
    service,
    complaints,
    end: () => abort.abort(new AgentEnding("ended by the test", 143)),
    run: async (scenes) => {
      const carryOut = async (context: StepContext, step: Step): Promise<void> => {
        if (step.do === "upload") context.state.uploaded = [ARTIFACT];
        await scenes[step.do]?.(context);
      };
      const parts = {
        jobId: plan.job_id,
        workFolder,
        service: client,
        log,
        clean,
        hide,
        run,
        tools,
        resources,
        carryOut,
        signal,
      };
      await runPlan({ ...parts, complain });
    },
  };
}
