import * as v from "valibot";
import { RemoteBuildNodeV3 } from "../shapes.ts";
import { endpoint } from "../../http/endpoint.ts";
import { nodePaths } from "./paths.ts";

export default endpoint({
  operation: "get_all_v3_remote_build_nodes",
  summary: "List all remote build nodes",
  tag: "remote-build-nodes",
  method: "get",
  ...nodePaths(""),
  role: "reader",
  uses: { records: "read" },
  returns: v.array(RemoteBuildNodeV3),
  status: 200,
  run: ({ ims }) => ims.remoteBuildNodes.list(),
});
