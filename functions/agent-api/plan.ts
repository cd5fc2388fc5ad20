import { Plan } from "../../core/jobs/plan.ts";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "get_agent_plan",
  summary: "What the job's agent has to do",
  tag: "agent",
  method: "get",
  path: "/agent/jobs/{job_id}/plan",
  role: "agent",
  uses: { records: "write", objects: "write" },
  internal: true,
  returns: Plan,
  status: 200,
  // what the job works on is gone
  problems: [422],
  run: ({ ims, agent }) => ims.agents.plan(agent),
});
