import { endpoint } from "../../http/endpoint.ts";
import { JobV3, jobView } from "../shapes.ts";

export default endpoint({
  operation: "retry_v3_job",
  summary: "Start a job that has ended again, as a new job with the same input",
  tag: "jobs",
  method: "post",
  path: "/v3/jobs/{job_id}/retry",
  role: "admin",
  uses: { records: "write", objects: "write", jobs: true },
  returns: JobV3,
  status: 201,
  problems: [409, 422],
  run: async ({ ims, params }) => jobView(await ims.jobs.retry(params.job_id)),
});
