import { endpoint } from "../../http/endpoint.ts";
import { JobV3, jobView, NewJobV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_job",
  summary: "Create a job; it is launched when its turn comes",
  tag: "jobs",
  method: "post",
  path: "/v3/jobs",
  role: "admin",
  uses: { records: "write", objects: "write", jobs: true },
  body: NewJobV3,
  returns: JobV3,
  status: 201,
  run: async ({ ims, body }) => jobView(await ims.jobs.create(body)),
});
