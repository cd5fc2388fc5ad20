import { NodeStatusV3 } from "../shapes.ts";
import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "get_v3_remote_build_node_status",
  summary: "Get the state of a remote build node",
  tag: "remote-build-nodes",
  method: "get",
  path: "/v3/remote-build-nodes/status/{remote_build_node_xname}",
  role: "reader",
  uses: { records: "read" },
  returns: NodeStatusV3,
  status: 200,
  run: ({ ims, params }) => ims.remoteBuildNodes.status(params.remote_build_node_xname),
});
