import { AgentReport } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "post_agent_report",
  summary: "Take note of what the agent is doing",
  tag: "agent",
  method: "post",
  path: "/agent/jobs/{job_id}/report",
  role: "agent",
  uses: { records: "write", logs: "read" },
  internal: true,
  body: AgentReport,
  status: 204,
  run: ({ ims, agent, body }) => ims.agents.report(agent, body),
});
