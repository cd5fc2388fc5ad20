import type { PartsOrder } from "../../core/ports/agent-tools.ts";
import { createAgentTools, type AgentToolsConfig } from "../../adapters/agent-tools.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import type { Plan } from "../../core/jobs/plan.ts";
import type { JobService, Progress, StepContext, StepState } from "../../functions/agent/step.ts";

const refused = () => Promise.reject(new Error("This test has no uploads in parts."));
export const NO_PARTS: PartsOrder = { there: refused, url: refused, complete: refused };

export interface ContextOptions {
  readonly workFolder: string;
  readonly run?: RunCommand;
  readonly tools?: AgentToolsConfig;
  readonly service?: JobService;
  readonly state?: Partial<StepState>;
  readonly arch?: Plan["arch"];
  readonly signal?: AbortSignal;
  readonly onLog?: (line: string) => void;
}

export interface TestContext extends StepContext {
  readonly lines: string[];
  readonly reports: Progress[];
}

/** What a step gets from the agent, with the real tools; log lines and progress are kept to look at. */
export function stepContext(options: ContextOptions): TestContext {
  const lines: string[] = [];
  const reports: Progress[] = [];
  const log = (line: string): void => {
    lines.push(line);
    options.onLog?.(line);
  };
  const run = options.run ?? createRunCommand({ env: plainEnvironment(process.env), onLine: log });
  return {
    plan: {
      job_id: "j",
      attempt: 1,
      arch: options.arch ?? "x86_64",
      build_env_size: 60,
      heartbeat_seconds: 5,
      steps: [],
    },
    workFolder: options.workFolder,
    log,
    progress: (report) => reports.push(report),
    signal: options.signal ?? new AbortController().signal,
    run,
    service: options.service ?? {
      uploadTarget: () => Promise.reject(new Error("This test has no service.")),
      parts: NO_PARTS,
    },
    tools: createAgentTools(run, { transfer: { firstPauseMs: 5, patienceMs: 2000 }, ...options.tools }),
    state: { uploaded: [], ...options.state },
    lines,
    reports,
  };
}
