import { AgentFailure } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_fail",
  summary: "End the job with the reason the agent gives",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/fail",
  role: "agent",
  uses: { records: "write", logs: "read", jobs: true },
  internal: true,
  body: AgentFailure,
  status: 204,
  run: ({ ims, agent, body }) => ims.agents.fail(agent, body),
});
