import { NewRemoteBuildNodeV3, RemoteBuildNodeV3 } from "../shapes.ts";
import { endpoint } from "../../http/endpoint.ts";
import { nodePaths } from "./paths.ts";

export default endpoint({
  operation: "post_v3_remote_build_node",
  summary: "Register a remote build node",
  tag: "remote-build-nodes",
  method: "post",
  ...nodePaths(""),
  role: "admin",
  uses: { records: "write" },
  body: NewRemoteBuildNodeV3,
  returns: RemoteBuildNodeV3,
  status: 201,
  run: ({ ims, body }) => ims.remoteBuildNodes.create(body),
});
