import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { DomainError } from "../../core/errors.ts";

/** Where DynamoDB or S3 is, AWS's own or another that speaks the same protocol. */
export interface AwsConfig {
  readonly region: string;
  /** Absent: AWS's own for the region. */
  readonly endpoint?: string;
  /** Absent: what the SDK finds (environment, shared files, the role of the container or machine). */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** Of credentials that are good for a while. */
    readonly sessionToken?: string;
  };
  /** PEM file of authorities that are trusted beside those that Node brings. */
  readonly caFile?: string;
  /** Whether a bucket is part of the path, as most stores other than AWS's want it. */
  readonly forcePathStyle?: boolean;
  /** How long a connection may take to be there; 5,000 without a word. */
  readonly connectMilliseconds?: number;
  /** How long a connection may be silent; absent: as long as who opens the client says. */
  readonly idleMilliseconds?: number;
  /** Asked before each call whether it may still go out. Absent: always. */
  readonly mayCall?: () => boolean;
}

/** @throws `unavailable` for a call that nobody waits for any more */
export function refuseLateCall(mayCall: (() => boolean) | undefined): void {
  if (mayCall?.() === false)
    throw new DomainError("unavailable", "The request that this was done for has been answered.");
}

/** How patient a client is. */
export interface AwsPatience {
  /** Of one call, the first included; the SDK waits longer and longer between them, with jitter. */
  readonly maxAttempts: number;
  /** How long a connection may be silent before the attempt is given up. */
  readonly idleMilliseconds: number;
}

const CONNECTION_MILLISECONDS = 5000;
const MAX_SOCKETS = 128;

/** Options for the constructor of any of the SDK's clients. Opens no connection. @throws `invalid` without the CA file */
export function awsClientOptions(config: AwsConfig, patience: AwsPatience) {
  const { region, endpoint, credentials, caFile } = config;
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS };
  const trusted = caFile === undefined ? {} : { ca: [...rootCertificates, readAuthorities(caFile)] };
  return {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    retryMode: "standard" as const,
    maxAttempts: patience.maxAttempts,
    requestHandler: {
      connectionTimeout: config.connectMilliseconds ?? CONNECTION_MILLISECONDS,
      socketTimeout: config.idleMilliseconds ?? patience.idleMilliseconds,
      // The SDK's warning about busy sockets goes to the console, past the log.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
      httpAgent: agent,
      httpsAgent: { ...agent, ...trusted },
    },
  };
}

function readAuthorities(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new DomainError("invalid", "The file of certificate authorities cannot be read.", { cause });
  }
}
