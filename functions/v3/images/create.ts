import { endpoint } from "../../http/endpoint.ts";
import { etagRemark, linkHeaders } from "../../http/etag-remark.ts";
import { NewImageV3, ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_image",
  summary: "Create an image record",
  tag: "images",
  method: "post",
  path: "/v3/images",
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: NewImageV3,
  returns: ImageV3,
  answerHeaders: linkHeaders,
  status: 201,
  run: ({ ims, body, header }) => ims.images.create(body, etagRemark(header)),
});
