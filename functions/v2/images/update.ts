import { asOriginal } from "../../../core/images/image.ts";
import { endpoint } from "../../http/endpoint.ts";
import { etagRemark, linkHeaders } from "../../http/etag-remark.ts";
import { ImagePatchV3, ImageV2 } from "../../v3/shapes.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "patch_v2_image",
  summary: "Change an image record",
  tag: "images",
  method: "patch",
  ...secondPaths("/images/{image_id}"),
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: ImagePatchV3,
  returns: ImageV2,
  answerHeaders: linkHeaders,
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.images.get(params.image_id),
  run: async ({ ims, params, body, header }) =>
    asOriginal(await ims.images.update(params.image_id, body, etagRemark(header))),
});
