import type { Ports } from "../ports/index.ts";
import type { JobLogs } from "../ports/job-logs.ts";
import type { Change, Records } from "../ports/records.ts";

/** Told of a job, by its id, about which followers of its log should look again. */
export interface Listeners {
  readonly jobChanged: (jobId: string) => void;
  readonly logGrew: (jobId: string, appended: Appended) => void;
}

/** What was appended to a stream, and its size since. */
export interface Appended {
  readonly stream: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly size: number;
}

/** The ports as they are, but listeners hear at once of what is done through them. */
export function heardPorts(
  { records, logs }: Pick<Ports, "records" | "logs">,
  listeners: Listeners,
): Pick<Ports, "records" | "logs"> {
  return { records: heardRecords(records, listeners), logs: heardLogs(logs, listeners) };
}

function heardRecords(records: Records, { jobChanged }: Listeners): Records {
  return {
    get: async (kind, id) => await records.get(kind, id),
    list: async (kind, page) => await records.list(kind, page),
    getJson: (kind, id) => records.getJson(kind, id),
    listJson: (kind) => records.listJson(kind),
    check: async () => await records.check(),
    close: async () => await records.close(),
    async commit(changes) {
      await records.commit(changes);
      for (const change of changes) if (concernsFollowers(change)) jobChanged(change.id);
    },
  };
}

/** An activity is rewritten with every heartbeat; of use to followers is that there is none any more. */
function concernsFollowers({ kind, op }: Change): boolean {
  return kind === "job" || (kind === "job-activity" && op === "remove");
}

function heardLogs(logs: JobLogs, { logGrew }: Listeners): JobLogs {
  return {
    ...logs,
    async append(jobId, stream, offset, bytes) {
      const size = await logs.append(jobId, stream, offset, bytes);
      logGrew(jobId, { stream, offset, bytes, size });
      return size;
    },
  };
}
