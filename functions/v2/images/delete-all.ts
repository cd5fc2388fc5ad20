import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";
import { CascadeQuery } from "../cascade.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "delete_all_v2_images",
  summary: "Delete every image record for good",
  ...eachRecord,
  tag: "images",
  method: "delete",
  ...secondPaths("/images"),
  role: "admin",
  uses: { records: "write", objects: "write" },
  query: CascadeQuery,
  status: 204,
  run: ({ ims, query }) => ims.images.destroyAll(query.cascade),
});
