import { SentParts } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_complete_parts",
  summary: "Make the parts one of the image's artifacts",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/uploads/{upload}/complete",
  role: "agent",
  uses: { records: "write", objects: "write" },
  internal: true,
  body: SentParts,
  status: 204,
  problems: [409],
  run: ({ ims, agent, params, body }) => ims.agents.completeParts(agent, params.upload, body),
});
