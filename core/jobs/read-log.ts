import { getStored } from "../collection.ts";
import type { Ports } from "../ports/index.ts";
import type { LogNews } from "./followed-log.ts";
import type { LogFollowers } from "./log-followers.ts";

export interface JobLog {
  /** Bytes stored when it was asked for. */
  readonly size: number;
  /** At most `length` bytes from a byte offset on; to be read once. */
  readonly read: (offset: number, length: number) => AsyncIterable<Uint8Array>;
}

/** Both throw `not-found` when there is no such job; a job without output has an empty log. */
export interface JobLogReader {
  open(jobId: string): Promise<JobLog>;
  /**
   * See {@link LogFollowers}. A position that the log has not reached, as after a loss of power, is taken for its end.
   */
  follow(jobId: string, position: number): Promise<AsyncIterable<LogNews>>;
  /** Ends what is followed: the service stops. */
  endFollowing(): void;
  /** How many follow. */
  following(): number;
}

export function createJobLogReader(
  { records, logs }: Pick<Ports, "records" | "logs">,
  followers: LogFollowers,
): JobLogReader {
  async function open(jobId: string): Promise<JobLog> {
    await getStored(records, "job", jobId);
    return {
      size: await logs.totalSize(jobId),
      read: (offset, length) => logs.read(jobId, offset, length),
    };
  }
  return {
    open,
    follow: async (jobId, position) => followers.follow(jobId, Math.min(position, (await open(jobId)).size)),
    endFollowing: () => followers.close(),
    following: () => followers.count(),
  };
}
