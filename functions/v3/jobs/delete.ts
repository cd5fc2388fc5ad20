import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_v3_job",
  summary: "Delete a job record for good and end its work",
  tag: "jobs",
  method: "delete",
  path: "/v3/jobs/{job_id}",
  role: "admin",
  uses: { records: "write", logs: "write", jobs: true },
  status: 204,
  run: ({ ims, params }) => ims.jobs.remove(params.job_id),
});
