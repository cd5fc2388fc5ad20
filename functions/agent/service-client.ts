import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";
import { LogAppended, PartsThere, UploadTarget } from "../../core/jobs/agent-messages.ts";
import type { AgentFailure, AgentFinish, AgentReport } from "../../core/jobs/agent-messages.ts";
import { Plan } from "../../core/jobs/plan.ts";
import { AgentEnding } from "./ending.ts";
import type { JobService } from "./step.ts";

/**
 * The service, as the agent of one job sees it. Every call is tried again for as long as the service does not answer.
 *
 * Errors: `invalid` when the service refuses what was said, `unavailable` when its answer is not understood; the
 * signal's reason once the agent is to end.
 */
export interface ServiceClient extends JobService {
  plan(): Promise<Plan>;
  report(report: AgentReport): Promise<void>;
  /** Answers how many bytes of this attempt's log the service has; `undefined` when `offset` lies past them. */
  appendLog(offset: number, bytes: Uint8Array): Promise<number | undefined>;
  logSize(): Promise<number>;
  finish(finish: AgentFinish): Promise<void>;
  fail(failure: AgentFailure): Promise<void>;
}

export interface ServiceClientConfig {
  readonly serviceUrl: string;
  readonly jobId: string;
  readonly token: string;
  /** Seconds without any answer after which the agent gives up. */
  readonly patience: number;
  /** Aborted when the agent is to end. */
  readonly signal: AbortSignal;
  /** Told once when the service no longer wants this agent, or is away for too long. */
  readonly end: (ending: AgentEnding) => void;
  /** Milliseconds: of a single request, and of the pauses between tries. */
  readonly timing?: { readonly request: number; readonly firstPause: number; readonly longestPause: number };
}

const TIMING = { request: 30_000, firstPause: 200, longestPause: 5000 };
/** Storing manifest, image record and job may take the service a while. */
const FINISH_MILLISECONDS = 300_000;
const LONGEST_DETAIL = 500;

interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: { readonly type: string; readonly content: string | Uint8Array<ArrayBuffer> };
  readonly limit?: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export function createServiceClient(config: ServiceClientConfig): ServiceClient {
  const ask = createAsk(config);

  const get = async <T>(path: string, shape: v.GenericSchema<unknown, T>): Promise<T> =>
    parsed(path, shape, expectSuccess(path, await ask({ method: "GET", path })));

  const tell = async (path: string, message: unknown, limit?: number): Promise<void> => {
    expectSuccess(path, await ask({ ...json(path, message), ...(limit === undefined ? {} : { limit }) }));
  };

  return {
    plan: () => get("plan", Plan),
    report: (report) => tell("report", report),
    finish: (finish) => tell("finish", finish, FINISH_MILLISECONDS),
    fail: (failure) => tell("fail", failure),
    logSize: async () => (await get("log/size", LogAppended)).size,

    appendLog: async (offset, bytes) => {
      const path = `log?offset=${offset}`;
      const body = { type: "text/plain; charset=utf-8", content: new Uint8Array(bytes) };
      const answer = await ask({ method: "POST", path, body });
      if (answer.status === 409) return undefined;
      return parsed(path, LogAppended, expectSuccess(path, answer)).size;
    },

    uploadTarget: async (part, size) => {
      const path = `artifacts/${part}/upload?size=${size}`;
      return parsed(path, UploadTarget, expectSuccess(path, await ask({ method: "POST", path })));
    },

    parts: {
      there: (upload) => get(`uploads/${upload}/parts`, PartsThere),
      url: async (upload, number) => {
        const path = `uploads/${upload}/parts`;
        const answer = await ask(json(path, { part_numbers: [number] }));
        return parsed(path, OneUrl, expectSuccess(path, answer)).url;
      },
      complete: (upload, digests) => tell(`uploads/${upload}/complete`, digests, FINISH_MILLISECONDS),
    },
  };
}

const OneUrl = v.pipe(
  v.tuple([v.object({ url: v.string() })]),
  v.transform(([signed]) => signed),
);

function json(path: string, message: unknown): Request {
  return { method: "POST", path, body: { type: "application/json", content: JSON.stringify(message) } };
}

/** Asks until there is an answer that means something; ends the agent when it is told to go, or nobody answers. */
function createAsk(config: ServiceClientConfig): (request: Request) => Promise<Answer> {
  const timing = config.timing ?? TIMING;
  let silentSince: number | undefined;

  const giveUp = (ending: AgentEnding): never => {
    config.end(ending);
    throw ending;
  };

  const endUnlessWanted = (status: number): void => {
    if (status === 410) giveUp(new AgentEnding("The service no longer needs this agent.", 0));
    if (status === 401 || status === 403)
      giveUp(new AgentEnding("The service refuses this agent's token.", 1));
  };

  const bear = (): void => {
    silentSince ??= performance.now();
    if (performance.now() - silentSince < config.patience * 1000) return;
    giveUp(new AgentEnding(`The service did not answer for ${config.patience} seconds.`, 1));
  };

  return async (request) => {
    for (let failures = 0; ; failures += 1) {
      config.signal.throwIfAborted();
      const answer = await attempt(config, request, request.limit ?? timing.request);
      if (answer !== undefined) {
        silentSince = undefined;
        endUnlessWanted(answer.status);
        return answer;
      }
      bear();
      await pause(
        Math.min(timing.longestPause, timing.firstPause * 2 ** Math.min(failures, 16)),
        config.signal,
      );
    }
  };
}

/** With jitter, so that the agents of a service that comes back do not all knock at once. */
async function pause(longest: number, signal: AbortSignal): Promise<void> {
  await delay(longest * (0.5 + Math.random() / 2), undefined, { signal }).catch(() =>
    signal.throwIfAborted(),
  );
}

/** `undefined`: no answer, or one that says that the service cannot answer now. */
async function attempt(
  { serviceUrl, jobId, token, signal }: ServiceClientConfig,
  { method, path, body }: Request,
  limit: number,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${serviceUrl.replace(/\/+$/u, "")}/agent/jobs/${jobId}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": body.type }),
      },
      ...(body === undefined ? {} : { body: body.content }),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(limit)]),
    });
    const answer = { status: response.status, text: await response.text() };
    return answer.status >= 500 || answer.status === 429 || answer.status === 408 ? undefined : answer;
  } catch {
    // fetch tells of all network trouble by a TypeError; what matters is only that there is no answer.
    signal.throwIfAborted();
    return undefined;
  }
}

const Problem = v.pipe(v.string(), v.parseJson(), v.object({ detail: v.string() }));

function expectSuccess(path: string, { status, text }: Answer): string {
  if (status >= 200 && status < 300) return text;
  const problem = v.safeParse(Problem, text);
  const detail = problem.success ? `: ${problem.output.detail.slice(0, LONGEST_DETAIL)}` : ".";
  throw new DomainError("invalid", `The service refused ${path} (${status})${detail}`);
}

function parsed<T>(path: string, shape: v.GenericSchema<unknown, T>, text: string): T {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), shape), text);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? "the whole";
  throw new DomainError(
    "unavailable",
    `The service's answer to ${path} is not understood at ${where}: ${issue.message}`,
  );
}
