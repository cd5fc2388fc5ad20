import { LogAppended } from "../../core/jobs/agent-messages.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "get_agent_log_size",
  summary: "How much of this attempt's log is stored",
  tag: "agent",
  method: "get",
  path: "/agent/jobs/{job_id}/log/size",
  role: "agent",
  uses: { records: "read", logs: "read" },
  internal: true,
  returns: LogAppended,
  status: 200,
  run: async ({ ims, agent }) => ({ size: await ims.agents.logSize(agent) }),
});
