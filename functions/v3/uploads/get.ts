import { endpoint } from "../../http/endpoint.ts";
import { UploadV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_upload",
  summary: "Retrieve an upload in parts",
  tag: "uploads",
  method: "get",
  path: "/v3/uploads/{upload_id}",
  role: "reader",
  uses: { records: "read" },
  returns: UploadV3,
  status: 200,
  run: ({ ims, params }) => ims.uploads.get(params.upload_id),
});
