import { endpoint } from "../../http/endpoint.ts";
import { NewImageV3, ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_image",
  summary: "Create an image record",
  tag: "images",
  method: "post",
  path: "/v3/images",
  role: "admin",
  body: NewImageV3,
  returns: ImageV3,
  status: 201,
  run: ({ ims, body }) => ims.images.create(body),
});
