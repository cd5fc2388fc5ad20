import * as v from "valibot";
import { DomainError } from "../../../core/errors.ts";
import type { Ims } from "../../../core/ims.ts";
import type { LogNews } from "../../../core/jobs/followed-log.ts";
import type { ServerEvent } from "../../http/endpoint.ts";
import { endpoint } from "../../http/endpoint.ts";
import { firstOf } from "../../http/fields.ts";

const TEXT = "text/plain; charset=utf-8";

/** Of the event `end`, after the position: a client that comes back with it has had everything. */
const ENDED = ".end";

const Query = v.object({
  follow: v.optional(
    v.pipe(
      firstOf,
      v.picklist(["0", "1", "false", "true"], "is neither 0 nor 1"),
      v.metadata({ description: "1: answer Server-Sent Events, what there is and what comes" }),
    ),
  ),
  from: v.optional(
    v.pipe(
      firstOf,
      v.metadata({
        pattern: "^\\d{1,15}(?:\\.end)?$",
        description:
          "With `follow`: the byte to begin with, or the last event's id. `Last-Event-ID` goes before it",
      }),
    ),
  ),
});

export default endpoint({
  operation: "get_v3_job_log",
  summary: "Get what a job has printed so far, whole or by range, or follow it",
  description: `With \`follow=1\` the answer is a stream of Server-Sent Events: \`log\` has lines of the log as data and as id
the byte position after them; \`progress\` has \`status\`, \`percent\` and \`message\` as JSON; \`end\` comes when the job is
over and its log complete, with \`status\` and, of an error, \`code\` and \`message\`; \`deleted\` when the job was deleted.
After these two the stream ends. A client that was cut off goes on without gap or repetition by \`Last-Event-ID\` (or
\`from\`); with the id of \`end\` it is answered 204, and need not ask again.`,
  tag: "jobs",
  method: "get",
  path: "/v3/jobs/{job_id}/log",
  role: "reader",
  uses: { records: "read", logs: "read" },
  query: Query,
  answersBytes: {
    contentType: TEXT,
    description: "The log as text",
    redirects: "Events, and a log that is too long for one answer, are sent from this URL",
  },
  answersEvents: { description: "The log as it grows" },
  status: 200,
  async run({ ims, params, query, lastEventId }) {
    if (query.follow === "1" || query.follow === "true")
      return { events: await follow(ims, params.job_id, lastEventId ?? query.from) };
    const log = await ims.jobLogs.open(params.job_id);
    return {
      size: log.size,
      contentType: TEXT,
      // The log may grow while it is sent: no more than was announced.
      read: (range) => log.read(range?.start ?? 0, (range?.end ?? log.size - 1) - (range?.start ?? 0) + 1),
    };
  },
});

async function follow(
  { jobLogs }: Pick<Ims, "jobLogs">,
  jobId: string,
  id: string | undefined,
): Promise<AsyncIterable<ServerEvent> | undefined> {
  const [, position, ended] = /^(\d{1,15})(\.end)?$/u.exec(id ?? "0") ?? [];
  if (position === undefined)
    throw new DomainError("bad-request", "Followed from: a byte position, or the id of the last event.");
  const news = await jobLogs.follow(jobId, Number(position));
  return ended === undefined ? eventsOf(news) : undefined;
}

/** No generator: leaving it must reach the news at once, also while they are waited for. */
function eventsOf(news: AsyncIterable<LogNews>): AsyncIterableIterator<ServerEvent> {
  const source = news[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const next = await source.next();
      return next.done === true ? next : { done: false, value: eventOf(next.value) };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

function eventOf(news: LogNews): ServerEvent {
  switch (news.is) {
    case "log":
      return { event: "log", id: String(news.end), data: news.bytes };
    case "progress": {
      const { status, percent, message } = news;
      return { event: "progress", data: JSON.stringify({ status, percent, message }) };
    }
    case "end":
      return {
        event: "end",
        id: `${news.end}${ENDED}`,
        data: JSON.stringify({ status: news.status, ...news.error }),
      };
    case "deleted":
      return { event: "deleted", data: "{}" };
  }
}
