import * as v from "valibot";

/** What the SDK says of a call that failed, whichever service it was. */
const Failure = v.object({
  name: v.string(),
  code: v.optional(v.string()),
  $metadata: v.optional(v.object({ httpStatusCode: v.optional(v.number()) })),
});

export interface AwsFailure {
  /** The service's own word, such as `NoSuchBucket`, or that of Node for a connection that failed. */
  readonly name: string;
  /** Of the answer; absent when there was none. */
  readonly status: number | undefined;
}

const THROTTLED = new Set([
  "SlowDown",
  "ThrottlingException",
  "Throttling",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "TooManyRequestsException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
]);
const DENIED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "AllAccessDisabled",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidAccessKeyId",
  "InvalidToken",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
  "CredentialsProviderError",
]);

/** What the SDK says without having asked, or been answered. */
const UNSENT = new Set(["TimeoutError", "CredentialsProviderError"]);

/** `undefined` for what did not come from a call: an error of our own goes on as it is. */
export function awsFailure(error: unknown): AwsFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const parsed = v.safeParse(Failure, error);
  if (!parsed.success) return undefined;
  const { name, code, $metadata } = parsed.output;
  // An answer that was cut has a status and a code of Node's. What it would have said nobody knows.
  const status = code === undefined ? $metadata?.httpStatusCode : undefined;
  if ($metadata === undefined && code === undefined && !UNSENT.has(name)) return undefined;
  return { name: name === "Error" ? (code ?? name) : name, status };
}

export function isThrottled({ name, status }: AwsFailure): boolean {
  return THROTTLED.has(name) || status === 429;
}

export function isDenied({ name, status }: AwsFailure): boolean {
  return DENIED.has(name) || status === 403 || status === 401;
}
