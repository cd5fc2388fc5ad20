import { endpoint } from "../../http/endpoint.ts";
import { JobV3, jobView } from "../shapes.ts";

export default endpoint({
  operation: "cancel_v3_job",
  summary: "End a job and keep its record",
  tag: "jobs",
  method: "post",
  path: "/v3/jobs/{job_id}/cancel",
  role: "admin",
  uses: { records: "write", jobs: true },
  returns: JobV3,
  status: 200,
  problems: [409],
  run: async ({ ims, params }) => jobView(await ims.jobs.cancel(params.job_id)),
});
