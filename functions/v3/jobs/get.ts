import { endpoint } from "../../http/endpoint.ts";
import { JobV3, jobView } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_job",
  summary: "Get a job record",
  tag: "jobs",
  method: "get",
  path: "/v3/jobs/{job_id}",
  role: "reader",
  uses: { records: "read" },
  returns: JobV3,
  status: 200,
  run: async ({ ims, params }) => jobView(await ims.jobs.get(params.job_id)),
});
