import { endpoint } from "../../http/endpoint.ts";
import { ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_image_manifest",
  summary: "Write the manifest over an image's uploaded artifacts and link the image to it",
  tag: "images",
  method: "post",
  path: "/v3/images/{image_id}/manifest",
  role: "admin",
  uses: { records: "write", objects: "write" },
  returns: ImageV3,
  status: 200,
  problems: [422],
  run: ({ ims, params }) => ims.imageUploads.link(params.image_id),
});
