import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_v3_upload",
  summary: "Abort an upload in parts and remove what has come",
  tag: "uploads",
  method: "delete",
  path: "/v3/uploads/{upload_id}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  status: 204,
  problems: [409],
  run: ({ ims, params }) => ims.uploads.abort(params.upload_id),
});
