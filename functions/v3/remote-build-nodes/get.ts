import { RemoteBuildNodeV3 } from "../shapes.ts";
import { endpoint } from "../../http/endpoint.ts";
import { nodePaths } from "./paths.ts";

export default endpoint({
  operation: "get_v3_remote_build_node",
  summary: "Get a remote build node",
  tag: "remote-build-nodes",
  method: "get",
  ...nodePaths("/{remote_build_node_xname}"),
  role: "reader",
  uses: { records: "read" },
  returns: RemoteBuildNodeV3,
  status: 200,
  run: ({ ims, params }) => ims.remoteBuildNodes.get(params.remote_build_node_xname),
});
