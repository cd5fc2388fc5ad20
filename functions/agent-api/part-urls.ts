import { PartsAsked, PartUrls } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_part_urls",
  summary: "Where to put parts of one of the image's artifacts",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/uploads/{upload}/parts",
  role: "agent",
  uses: { records: "read", objects: "write" },
  internal: true,
  body: PartsAsked,
  returns: PartUrls,
  status: 200,
  problems: [409],
  async run({ ims, agent, params, body }) {
    const signed = await ims.agents.partUrls(agent, params.upload, body.part_numbers);
    return signed.map(({ number, url, expires_at }) => ({ part_number: number, url, expires_at }));
  },
});
