import { DomainError } from "../../../core/errors.ts";
import type { RemoteArgv } from "../../ssh/quote.ts";
import type { RemoteResult, SshConnection } from "../../ssh/connection.ts";
import type { Readable } from "node:stream";

export interface RemoteWork {
  readonly argv: RemoteArgv;
  readonly input?: string | Readable;
  readonly limitMs: number;
  /** Exit codes that mean something, beside 0. */
  readonly expected?: readonly number[];
}

const LONGEST_WORDS = 400;

/** Runs a script on a node. @throws `storage-full`, `unavailable` with what it said */
export async function work(
  node: string,
  connection: SshConnection,
  { expected = [], ...command }: RemoteWork,
): Promise<RemoteResult> {
  const result = await connection.run(command);
  if (result.exitCode === 0 || expected.includes(result.exitCode)) return result;
  throw failure(node, result);
}

export function failure(node: string, { exitCode, stderr, stdout }: RemoteResult): DomainError {
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" ").slice(-LONGEST_WORDS);
  if (/no space left on device|disk quota exceeded/iu.test(said))
    return new DomainError("storage-full", `The disk of node ${node} is full: ${said}`);
  if (/podman: (?:(?:command )?not found|permission denied)/iu.test(said))
    return new DomainError("unavailable", `Node ${node} has no podman.`);
  return new DomainError(
    "unavailable",
    `Node ${node} answers with exit code ${exitCode}: ${said || "no words"}`,
  );
}
