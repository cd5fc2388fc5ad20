import { AgentFinish } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_finish",
  summary: "Turn the uploaded artifacts into an image",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/finish",
  role: "agent",
  uses: { records: "write", objects: "write", logs: "read", jobs: true },
  internal: true,
  body: AgentFinish,
  status: 204,
  run: ({ ims, agent, body }) => ims.agents.finish(agent, body),
});
