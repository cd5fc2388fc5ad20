import { endpoint } from "../../http/endpoint.ts";
import { ImageV2 } from "../../v3/shapes.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "get_v2_image",
  summary: "Get an image record",
  tag: "images",
  method: "get",
  ...secondPaths("/images/{image_id}"),
  role: "reader",
  uses: { records: "read" },
  returns: ImageV2,
  status: 200,
  run: ({ ims, params }) => ims.images.getOriginal(params.image_id),
});
