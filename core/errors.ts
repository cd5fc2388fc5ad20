/**
 * What went wrong, in words of the domain. The HTTP edge alone knows which status each becomes.
 * `lost-race`: a record changed since it was read; nothing was applied, read again and retry.
 */
export type ErrorCode =
  | "bad-request"
  | "unauthenticated"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "gone"
  | "too-large"
  | "unsupported-media-type"
  | "range-not-satisfiable"
  | "invalid"
  | "lost-race"
  | "unavailable"
  | "storage-full";

/** Messages by field; nested objects and lists nest, list indexes are string keys. */
export interface FieldErrors {
  [field: string]: string[] | FieldErrors;
}

export interface DomainErrorOptions {
  readonly cause?: unknown;
  /** Every field that failed; of an operation on many records, every record that failed, by id. */
  readonly fields?: FieldErrors;
}

/** The one error that core and adapters throw on purpose. The message is shown to callers: no secrets, no paths of the host. */
export class DomainError extends Error {
  override readonly name = "DomainError";
  readonly code: ErrorCode;
  readonly fields: FieldErrors | undefined;

  constructor(code: ErrorCode, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields;
  }
}

export function isDomainError(error: unknown, code?: ErrorCode): error is DomainError {
  return error instanceof DomainError && (code === undefined || error.code === code);
}

export function notFound(): DomainError {
  return new DomainError("not-found", "Requested resource does not exist. Re-run request with valid ID.");
}
