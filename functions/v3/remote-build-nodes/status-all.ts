import * as v from "valibot";
import { NodeStatusV3 } from "../shapes.ts";
import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "get_all_v3_remote_build_nodes_status",
  summary: "Get the state of every remote build node",
  tag: "remote-build-nodes",
  method: "get",
  path: "/v3/remote-build-nodes/status",
  role: "reader",
  uses: { records: "read" },
  returns: v.array(NodeStatusV3),
  status: 200,
  run: ({ ims }) => ims.remoteBuildNodes.statusAll(),
});
