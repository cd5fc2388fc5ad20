import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { ImageV2 } from "../../v3/shapes.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "get_all_v2_images",
  summary: "List image records",
  tag: "images",
  method: "get",
  ...secondPaths("/images"),
  role: "reader",
  uses: { records: "read" },
  returns: v.array(ImageV2),
  status: 200,
  run: ({ ims }) => ims.images.listOriginal(),
});
