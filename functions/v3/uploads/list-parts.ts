import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { UploadedPartV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_upload_parts",
  summary: "List the parts that have come, to go on from there",
  tag: "uploads",
  method: "get",
  path: "/v3/uploads/{upload_id}/parts",
  role: "reader",
  uses: { records: "read", objects: "write" },
  returns: v.array(UploadedPartV3),
  status: 200,
  async run({ ims, params }) {
    const parts = await ims.uploads.parts(params.upload_id);
    return parts.map(({ number, size, etag }) => ({ part_number: number, size, etag }));
  },
});
