import { endpoint } from "../../http/endpoint.ts";
import { CascadeQuery } from "../cascade.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "delete_v2_image",
  summary: "Delete an image record for good",
  tag: "images",
  method: "delete",
  ...secondPaths("/images/{image_id}"),
  role: "admin",
  uses: { records: "write", objects: "write" },
  query: CascadeQuery,
  status: 204,
  run: ({ ims, params, query }) => ims.images.destroy(params.image_id, query.cascade),
});
