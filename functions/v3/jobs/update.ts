import { endpoint } from "../../http/endpoint.ts";
import { JobPatchV3, JobV3, jobView } from "../shapes.ts";

export default endpoint({
  operation: "patch_v3_job",
  summary: "Set a job's status or resultant image; success and error end its work",
  tag: "jobs",
  method: "patch",
  path: "/v3/jobs/{job_id}",
  role: "admin",
  uses: { records: "write", jobs: true },
  body: JobPatchV3,
  returns: JobV3,
  status: 200,
  exists: ({ ims, params }) => ims.jobs.get(params.job_id),
  run: async ({ ims, params, body }) => jobView(await ims.jobs.update(params.job_id, body)),
});
