import { endpoint } from "../../http/endpoint.ts";
import { ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_image",
  summary: "Get an image record",
  tag: "images",
  method: "get",
  path: "/v3/images/{image_id}",
  role: "reader",
  uses: { records: "read" },
  returns: ImageV3,
  status: 200,
  run: ({ ims, params }) => ims.images.get(params.image_id),
});
