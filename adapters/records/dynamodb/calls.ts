import { setTimeout as sleep } from "node:timers/promises";
import { DomainError, isDomainError } from "../../../core/errors.ts";
import { awsFailure, type AwsFailure, isDenied, isThrottled } from "../../aws/errors.ts";

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;

/**
 * Sends a request again while its failure is one that passes: the store is throttled, another transaction is under way
 * with the same items, the answer is lost. Only what may be sent twice may be sent so: reads, and transactions with a
 * token.
 * @throws `unavailable` once time is up, or for a failure that does not pass; `storage-full`; what `send` throws of its own
 */
export type Calls = <T>(send: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export function createCalls(table: string, patienceMs: number): Calls {
  return async (send) => {
    const deadline = performance.now() + patienceMs;
    for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
      const left = deadline - performance.now();
      try {
        return await send(AbortSignal.timeout(Math.max(1, Math.ceil(left))));
      } catch (error) {
        // Full jitter: callers that failed together do not come back together.
        const pause = Math.random() * longest;
        if (!passes(error) || performance.now() + pause >= deadline) throw storeError(error, table);
        await sleep(pause);
      }
    }
  };
}

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
  // An answer that is cut or none of DynamoDB's (a proxy's page) cannot be parsed.
  if (PASSING.has(error.name) || error.name === "SyntaxError") return true;
  const failure = awsFailure(error);
  return failure !== undefined && (isThrottled(failure) || (failure.status ?? 500) >= 500);
}

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

const FULL = "ItemCollectionSizeLimitExceeded";

function storeError(error: unknown, table: string): DomainError {
  if (isDomainError(error)) return error;
  const codes = error instanceof Error ? cancellationReasons(error)?.map(({ code }) => code) : undefined;
  const failure = awsFailure(error);
  if (codes?.includes(FULL) === true || failure?.name.startsWith(FULL) === true) {
    const message = "A partition of the record store is full: it has the 10 GB that it may have.";
    return new DomainError("storage-full", message, { cause: error });
  }
  const reason = failure === undefined ? undefined : reasonOf(failure, table);
  const message = `The record store is not available${reason === undefined ? "" : `: ${reason}`}.`;
  return new DomainError("unavailable", message, { cause: error });
}

function reasonOf(failure: AwsFailure, table: string): string | undefined {
  if (failure.name === "ResourceNotFoundException") return `there is no table ${table}`;
  if (isThrottled(failure)) return "it has more to do than it may";
  if (isDenied(failure)) return "it refuses this service's credentials";
  if (failure.name.startsWith("Transaction")) return "others change the same records all the time";
  if (failure.status === undefined) return "it does not answer";
  return undefined;
}
