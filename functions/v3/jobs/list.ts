import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { JobQueryV3, JobV3, jobView } from "../shapes.ts";

export default endpoint({
  operation: "get_all_v3_jobs",
  summary: "List job records in creation order",
  tag: "jobs",
  method: "get",
  path: "/v3/jobs",
  role: "reader",
  uses: { records: "read" },
  query: JobQueryV3,
  returns: v.array(JobV3),
  status: 200,
  run: async ({ ims, query }) => (await ims.jobs.list(query)).map(jobView),
});
