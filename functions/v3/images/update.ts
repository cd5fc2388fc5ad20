import { endpoint } from "../../http/endpoint.ts";
import { etagRemark, linkHeaders } from "../../http/etag-remark.ts";
import { ImagePatchV3, ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "patch_v3_image",
  summary: "Change an image record",
  tag: "images",
  method: "patch",
  path: "/v3/images/{image_id}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: ImagePatchV3,
  returns: ImageV3,
  answerHeaders: linkHeaders,
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.images.get(params.image_id),
  run: ({ ims, params, body, header }) => ims.images.update(params.image_id, body, etagRemark(header)),
});
