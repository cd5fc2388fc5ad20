import type { JobLogs } from "../ports/job-logs.ts";
import type { AgentIdentity } from "./agent-tokens.ts";
import type { LogStarts } from "./log-starts.ts";

/** Beyond the limit, for the agent's own words: an agent keeps to the limit by itself, and then says how the job ended. */
const OWN_WORDS_BYTES = 1_048_576;

/**
 * Appends to the log of an agent's attempt as long as the whole log, with those of earlier attempts, is within its
 * bound; then the log ends with a line that says so. What comes after is taken for stored, so that the agent goes on.
 */
export async function appendWithin(
  { logs, starts }: { readonly logs: JobLogs; readonly starts: LogStarts },
  maxBytes: number,
  { jobId, attempt }: AgentIdentity,
  offset: number,
  bytes: Uint8Array,
): Promise<number> {
  const room = maxBytes + OWN_WORDS_BYTES - (await starts(jobId, attempt)) - offset;
  if (bytes.length <= room) return await logs.append(jobId, attempt, offset, bytes);
  if (room > 0) await logs.append(jobId, attempt, offset, ended(bytes, room, maxBytes));
  return offset + bytes.length;
}

/** The first `length` bytes, without half of a character at the end, and the last line of the log. */
function ended(bytes: Uint8Array, length: number, maxBytes: number): Uint8Array {
  const last = new TextEncoder().encode(
    `\nThe log is longer than ${maxBytes} bytes (IMS_MAX_LOG_BYTES): it ends here.\n`,
  );
  const all = new Uint8Array(length + last.length);
  all.set(bytes.subarray(0, length));
  all.fill(SPACE, characterAt(bytes, length), length);
  all.set(last, length);
  return all;
}

const SPACE = 0x20;

/** Where the character begins of which there may be but a part before `end`. */
function characterAt(bytes: Uint8Array, end: number): number {
  let at = end;
  // Bytes that go on with a character begin with the bits 10, those that begin one with 11.
  while (at > 0 && ((bytes[at - 1] ?? 0) & 0xc0) === 0x80) at -= 1;
  return at > 0 && (bytes[at - 1] ?? 0) >= 0xc0 ? at - 1 : end;
}
