import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { ImageV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_all_v3_images",
  summary: "List all image records in creation order",
  tag: "images",
  method: "get",
  path: "/v3/images",
  role: "reader",
  uses: { records: "read" },
  returns: v.array(ImageV3),
  status: 200,
  run: ({ ims }) => ims.images.list(),
});
