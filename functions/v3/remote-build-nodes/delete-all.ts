import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";
import { nodePaths } from "./paths.ts";

export default endpoint({
  operation: "delete_all_v3_remote_build_nodes",
  summary: "Forget every remote build node",
  ...eachRecord,
  tag: "remote-build-nodes",
  method: "delete",
  ...nodePaths(""),
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims }) => ims.remoteBuildNodes.removeAll(),
});
