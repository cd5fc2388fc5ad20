import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_all_v3_recipes",
  summary: "Move every recipe record to the trash",
  ...eachRecord,
  tag: "recipes",
  method: "delete",
  path: "/v3/recipes",
  role: "admin",
  uses: { records: "write", objects: "write" },
  status: 204,
  problems: [422],
  run: ({ ims }) => ims.recipes.removeAll(),
});
