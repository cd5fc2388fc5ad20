import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { UploadV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_uploads",
  summary: "List uploads in parts: those under way, and those that ended lately",
  tag: "uploads",
  method: "get",
  path: "/v3/uploads",
  role: "reader",
  uses: { records: "read" },
  returns: v.array(UploadV3),
  status: 200,
  run: ({ ims }) => ims.uploads.list(),
});
