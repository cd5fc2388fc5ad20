import { endpoint } from "../../http/endpoint.ts";
import { nodePaths } from "./paths.ts";

export default endpoint({
  operation: "delete_v3_remote_build_node",
  summary: "Forget a remote build node",
  tag: "remote-build-nodes",
  method: "delete",
  ...nodePaths("/{remote_build_node_xname}"),
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims, params }) => ims.remoteBuildNodes.remove(params.remote_build_node_xname),
});
