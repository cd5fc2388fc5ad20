import { setTimeout as sleep } from "node:timers/promises";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import { awsFailure, type AwsFailure, isDenied, isThrottled } from "../../aws/errors.ts";
import { refuseLateCall } from "../../aws/options.ts";

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;

/**
 * Sends a request again while its failure is one that passes: the store is throttled, another transaction is under way
 * with the same items, the answer is lost. Only what may be sent twice may be sent so: reads, and transactions with a
 * token.
 * @throws `unavailable` once time is up, or for a failure that does not pass; `storage-full`; what `send` throws of its own
 */
export type Calls = <T>(send: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createCalls(table: string, patienceMs: number, mayCall?: () => boolean): Calls {
  return async (send) => {
    const deadline = performance.now() + patienceMs;
    let before: unknown;
    for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
      try {
        refuseLateCall(mayCall);
        return await send(AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now()))));
      } catch (error) {
        // That time was up says less than what went wrong before.
        const telling = isAbort(error) ? (before ?? error) : error;
        // Full jitter: callers that failed together do not come back together.
        const pause = Math.random() * longest;
        if (!passes(error) || performance.now() + pause >= deadline) throw storeError(telling, table);
        before = telling;
        await sleep(pause);
      }
    }
  };
}

const isAbort = (error: unknown) => error instanceof Error && error.name === "AbortError";

const PASSING = new Set([
  "AbortError",
  "InternalServerError",
  "RequestTimeout",
  "TimeoutError",
  "TransactionConflictException",
  "TransactionInProgressException",
]);
const PASSING_REASONS = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

function passes(error: unknown): boolean {
  if (isDomainError(error) || !(error instanceof Error)) return false;
  const reasons = cancellationReasons(error);
  if (reasons !== undefined) return reasons.every(({ code }) => code === "None" || PASSING_REASONS.has(code));
  // What is none of DynamoDB's answers (a proxy's page) cannot be parsed.
  if (PASSING.has(error.name) || error.name === "SyntaxError") return true;
  const failure = awsFailure(error);
  return failure !== undefined && (isThrottled(failure) || !isRefusal(failure));
}

/** Anything else is no answer, or one of success that was cut. */
const isRefusal = ({ status }: AwsFailure) => status !== undefined && status >= 400 && status < 500;

/** Why each write of a transaction was not done; `None` for those that could have been. */
export function cancellationReasons(error: Error): { code: string; item: unknown }[] | undefined {
  if (error.name !== "TransactionCanceledException" || !("CancellationReasons" in error)) return undefined;
  if (!Array.isArray(error.CancellationReasons)) return undefined;
  return error.CancellationReasons.map((reason: unknown) => {
    const told = typeof reason === "object" && reason !== null ? reason : {};
    const code = "Code" in told && typeof told.Code === "string" ? told.Code : "None";
    return { code, item: "Item" in told ? told.Item : undefined };
  });
}

const SILENT = "it does not answer";
const FULL = "ItemCollectionSizeLimitExceeded";

function storeError(error: unknown, table: string): DomainError {
  if (isDomainError(error)) return error;
  if (isFull(error)) {
    const message = "A partition of the record store is full: it has the 10 GB that it may have.";
    return new DomainError("storage-full", message, { cause: error });
  }
  const failure = awsFailure(error);
  const reason = isAbort(error) ? SILENT : failure && reasonOf(failure, table);
  const message = `The record store is not available${reason === undefined ? "" : `: ${reason}`}.`;
  return new DomainError("unavailable", message, { cause: error });
}

/** Only in a transaction can it come to that: nothing else adds to a partition. */
function isFull(error: unknown): boolean {
  return error instanceof Error && cancellationReasons(error)?.some(({ code }) => code === FULL) === true;
}

function reasonOf(failure: AwsFailure, table: string): string | undefined {
  if (failure.name === "ResourceNotFoundException") return `there is no table ${table}`;
  if (isThrottled(failure)) return "it has more to do than it may";
  if (isDenied(failure)) return "it refuses this service's credentials";
  if (failure.name.startsWith("Transaction")) return "others change the same records all the time";
  if (failure.status === undefined || failure.status < 400) return SILENT;
  return undefined;
}
