import { endpoint } from "../../http/endpoint.ts";
import { NewUploadV3, UploadV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_upload",
  summary: "Open an upload in parts",
  description:
    "For a recipe's archive or an image's artifact. All parts but the last have `part_size` bytes; send them by the URLs of `POST .../parts`, in any order and several at once, then complete the upload before `expires_at`.",
  tag: "uploads",
  method: "post",
  path: "/v3/uploads",
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: NewUploadV3,
  returns: UploadV3,
  status: 201,
  run: ({ ims, body }) => ims.uploads.open(body),
});
