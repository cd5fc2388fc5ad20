import type { AgentReport } from "../../core/jobs/agent-messages.ts";
import type { Progress } from "./step.ts";
import type { JobStatus } from "../../core/jobs/status.ts";

/** Progress that changes faster is told this often, in milliseconds. */
const PROGRESS_MILLISECONDS = 1000;
const LONGEST_MESSAGE = 500;

/** What goes with every report of a status. */
export type StatusFacts = Pick<AgentReport, "shell" | "held">;

export interface Reporter {
  /** The job's status from now on. Every status is told, in order. */
  readonly status: (status: JobStatus, facts?: StatusFacts) => void;
  /** What is being done in it. Only the latest is told. */
  readonly progress: (progress: Progress) => void;
  /** Resolves when the service knows all of it. */
  settle(): Promise<void>;
  /** No more heartbeats. */
  stop(): void;
}

export interface ReporterConfig {
  readonly send: (report: AgentReport) => Promise<void>;
  /** Seconds after which the service wants to hear something. */
  readonly heartbeat: number;
  readonly clean: (text: string) => string;
  /** Told of a report that failed; the next one is sent all the same. */
  readonly onError: (error: unknown) => void;
}

/** Tells the service what the agent does, one report at a time, and the same again when nothing changes. */
export function createReporter(config: ReporterConfig): Reporter {
  const waiting: AgentReport[] = [];
  let current: AgentReport | undefined;
  let sending: Promise<void> | undefined;
  let throttle: NodeJS.Timeout | undefined;

  const sendAll = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await config.send(next);
      } catch (error) {
        config.onError(error);
      }
    }
    sending = undefined;
  };

  /** A report that still waits says nothing that a later one of the same status does not. */
  const tell = (report: AgentReport): void => {
    if (waiting.at(-1)?.status === report.status) waiting.pop();
    waiting.push(report);
    sending ??= sendAll();
  };

  const tellProgress = (): void => {
    throttle = undefined;
    if (current !== undefined) tell(current);
  };

  // Well before the service gets impatient, so that a slow answer does not matter.
  const timer = setInterval(() => {
    if (current !== undefined && waiting.length === 0) tell(current);
  }, config.heartbeat * 500);

  return {
    status: (status, facts = {}) => {
      current = { ...facts, status };
      tell(current);
    },
    progress: (progress) => {
      if (current === undefined) return;
      current = reportOf(current, progress, config.clean);
      throttle ??= setTimeout(tellProgress, PROGRESS_MILLISECONDS);
    },
    settle: async () => {
      clearTimeout(throttle);
      await sending;
    },
    stop: () => {
      clearInterval(timer);
      clearTimeout(throttle);
      current = undefined;
    },
  };
}

function reportOf(
  { status, shell, held }: AgentReport,
  { message, percent, idleSeconds }: Progress,
  clean: (text: string) => string,
): AgentReport {
  return {
    status,
    ...(shell === undefined ? {} : { shell }),
    ...(held === undefined ? {} : { held }),
    ...(idleSeconds === undefined ? {} : { idle_seconds: idleSeconds }),
    ...(message === undefined ? {} : { message: shortened(clean(message.replaceAll(/\s+/gu, " "))) }),
    ...(percent === undefined || !Number.isFinite(percent)
      ? {}
      : { percent: Math.min(100, Math.max(0, percent)) }),
  };
}

function shortened(text: string): string {
  return text.length <= LONGEST_MESSAGE ? text : `${text.slice(0, LONGEST_MESSAGE - 1).toWellFormed()}…`;
}
