import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "get_v3_job_log",
  summary: "Get what a job has printed so far, whole or by range",
  tag: "jobs",
  method: "get",
  path: "/v3/jobs/{job_id}/log",
  role: "reader",
  answersBytes: { contentType: "text/plain; charset=utf-8", description: "The log as text" },
  status: 200,
  async run({ ims, params }) {
    const log = await ims.jobLogs.open(params.job_id);
    return {
      size: log.size,
      contentType: "text/plain; charset=utf-8",
      read: (range) =>
        upTo(log.read(range?.start ?? 0), (range?.end ?? log.size - 1) - (range?.start ?? 0) + 1),
    };
  },
});

/** The log may grow while it is sent: no more than was announced. */
async function* upTo(source: AsyncIterable<Uint8Array>, bytes: number): AsyncIterable<Uint8Array> {
  let left = bytes;
  if (left <= 0) return;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
