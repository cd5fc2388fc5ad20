import { setTimeout as sleep } from "node:timers/promises";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import { awsFailure, type AwsFailure, isDenied, isThrottled } from "../../aws/errors.ts";
import { refuseLateCall } from "../../aws/options.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 3000;

export interface CallOptions {
  /** Ends the call, also while it pauses, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Failures that are an answer here: they are thrown as they came. */
  readonly expected?: readonly string[];
}

/**
 * Sends a request again while its failure is one that passes, with jitter, and turns every other failure into a
 * `DomainError`. Only what may be sent twice may be sent so.
 * @throws `unavailable`, `storage-full`, `too-large`, `invalid`; failures that the options expect
 */
export type Calls = <T>(
  send: (signal: { abortSignal?: AbortSignal }) => Promise<T>,
  options?: CallOptions,
) => Promise<T>;

/** `patienceMs`: how long after its first failure a request is still sent again. */
export function createCalls(patienceMs: number, mayCall?: () => boolean): Calls {
  return async (send, { signal, expected = [] } = {}) => {
    let deadline = Infinity;
    for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
      try {
        refuseLateCall(mayCall);
        return await send(signal === undefined ? {} : { abortSignal: signal });
      } catch (error) {
        signal?.throwIfAborted();
        if (expected.some((name) => isS3(error, name))) throw error;
        deadline = Math.min(deadline, performance.now() + patienceMs);
        // Full jitter: callers that failed together do not come back together.
        const pause = Math.random() * longest;
        if (!passes(error) || performance.now() + pause >= deadline) throw storeError(error);
        await sleep(pause, undefined, abortable(signal));
      }
    }
  };
}

const abortable = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

/** Whether S3 answered with this word. An answer to HEAD has no words: it counts by its status. */
export function isS3(error: unknown, name: string): boolean {
  const failure = awsFailure(error);
  if (failure === undefined) return false;
  return failure.name === name || (STATUS_OF[name] !== undefined && failure.name === STATUS_OF[name]);
}

const STATUS_OF: Readonly<Record<string, string>> = { PreconditionFailed: "412", NotFound: "404" };

const PASSING = new Set([
  "ConditionalRequestConflict",
  "InternalError",
  "OperationAborted",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "ServiceUnavailable",
  "SyntaxError",
  "TimeoutError",
]);
/** Of statuses that say that the server is in trouble, those that will not pass. */
const LASTING = new Set([501, 505, 507]);

function passes(error: unknown): boolean {
  if (isDomainError(error) || !(error instanceof Error)) return false;
  // An answer that is none of S3's (a proxy's page) or was cut cannot be parsed.
  if (PASSING.has(error.name)) return true;
  const failure = awsFailure(error);
  if (failure === undefined) return false;
  const { status } = failure;
  if (status === undefined || status < 400) return !isDenied(failure);
  return isThrottled(failure) || (status >= 500 && !LASTING.has(status)) || status === 408;
}

const FULL = new Set(["QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull"]);
const INVALID = new Set(["KeyTooLongError", "InvalidURI", "InvalidObjectName", "MetadataTooLarge"]);

/** The failure in words of the domain. */
export function storeError(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const failure = awsFailure(error);
  const options = { cause: error };
  if (failure !== undefined) {
    if (FULL.has(failure.name) || failure.status === 507)
      return new DomainError("storage-full", "The object store has no room left for this.", options);
    if (failure.name === "EntityTooLarge")
      return new DomainError("too-large", "The object is larger than its store takes.", options);
    if (INVALID.has(failure.name))
      return new DomainError("invalid", "The object store cannot have such an object.", options);
  }
  const reason = failure && reasonOf(failure);
  const message = `The object store is not available${reason === undefined ? "" : `: ${reason}`}.`;
  return new DomainError("unavailable", message, options);
}

function reasonOf(failure: AwsFailure): string | undefined {
  if (failure.name === "NoSuchBucket") return "a bucket that it should have is missing";
  if (isThrottled(failure)) return "it has more to do than it may";
  if (failure.name === "CredentialsProviderError") return "no credentials for it are found";
  if (isDenied(failure)) return "it refuses this service's credentials";
  if (failure.status === undefined) return `it cannot be reached (${failure.name})`;
  return failure.status >= 400 ? `it answered ${failure.name}` : "its answer was cut";
}
