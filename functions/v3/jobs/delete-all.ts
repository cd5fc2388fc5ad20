import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";
import { JobQueryV3 } from "../shapes.ts";

export default endpoint({
  operation: "delete_all_v3_jobs",
  summary: "Delete the job records that match, all without a filter",
  ...eachRecord,
  tag: "jobs",
  method: "delete",
  path: "/v3/jobs",
  role: "admin",
  uses: { records: "write", logs: "write", jobs: true },
  query: JobQueryV3,
  status: 204,
  run: ({ ims, query }) => ims.jobs.removeAll(query),
});
