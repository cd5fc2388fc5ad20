import * as v from "valibot";
import { LogAppended } from "../../core/jobs/agent-messages.ts";
import { DomainError } from "../../core/errors.ts";
import { concat } from "../http/bytes.ts";
import { endpoint } from "../http/endpoint.ts";

/** Agents send at most this much at once. */
const MAX_CHUNK_BYTES = 4_194_304;

export default endpoint({
  operation: "post_agent_log",
  summary: "Append to the log of the agent's attempt at a byte offset",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/log",
  role: "agent",
  uses: { records: "read", logs: "write" },
  internal: true,
  query: v.object({
    offset: v.pipe(
      v.tuple([v.pipe(v.string(), v.regex(/^\d{1,15}$/u))]),
      v.transform(([offset]) => Number(offset)),
      v.number(),
    ),
  }),
  takesBytes: { description: "UTF-8 text" },
  returns: LogAppended,
  status: 200,
  problems: [409],
  run: async ({ ims, agent, query, upload }) => ({
    size: await ims.agents.appendLog(agent, query.offset, await readAll(upload.bytes)),
  }),
});

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > MAX_CHUNK_BYTES)
      throw new DomainError("too-large", `Send at most ${MAX_CHUNK_BYTES} bytes at once.`);
    // A chunk is only lent until the next one; a Buffer's own slice() would not copy it.
    chunks.push(new Uint8Array(chunk));
  }
  return concat(chunks, size);
}
