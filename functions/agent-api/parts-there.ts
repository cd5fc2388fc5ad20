import { PartsThere } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "get_agent_parts_there",
  summary: "The parts of an artifact that have come",
  tag: "agent",
  method: "get",
  path: "/agent/jobs/{job_id}/uploads/{upload}/parts",
  role: "agent",
  uses: { records: "read", objects: "write" },
  internal: true,
  returns: PartsThere,
  status: 200,
  async run({ ims, agent, params }) {
    const parts = await ims.agents.partsThere(agent, params.upload);
    return parts.map(({ number, size, etag }) => ({ part_number: number, size, etag }));
  },
});
