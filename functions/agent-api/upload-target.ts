import * as v from "valibot";
import { ImagePart, UploadTarget } from "../../core/jobs/agent-messages.ts";
import { notFound } from "../../core/errors.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_upload_target",
  summary: "Where to put one of the image's artifacts",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/artifacts/{part}/upload",
  role: "agent",
  uses: { records: "write", objects: "write" },
  internal: true,
  query: v.object({
    size: v.optional(
      v.pipe(
        v.tuple([v.pipe(v.string(), v.regex(/^\d{1,15}$/u))]),
        v.transform(([size]) => Number(size)),
        v.number(),
      ),
    ),
  }),
  returns: UploadTarget,
  status: 200,
  problems: [409, 413],
  async run({ ims, agent, params, query }) {
    if (!v.is(ImagePart, params.part)) throw notFound();
    return await ims.agents.uploadTarget(agent, params.part, query.size);
  },
});
