import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_all_v3_images",
  summary: "Move every image record to the trash",
  ...eachRecord,
  tag: "images",
  method: "delete",
  path: "/v3/images",
  role: "admin",
  uses: { records: "write", objects: "write" },
  status: 204,
  problems: [422],
  run: ({ ims }) => ims.images.removeAll(),
});
