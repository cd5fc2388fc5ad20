import { endpoint } from "../../http/endpoint.ts";
import { CascadeQuery } from "../cascade.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "delete_v2_recipe",
  summary: "Delete a recipe record for good",
  tag: "recipes",
  method: "delete",
  ...secondPaths("/recipes/{recipe_id}"),
  role: "admin",
  uses: { records: "write", objects: "write" },
  query: CascadeQuery,
  status: 204,
  run: ({ ims, params, query }) => ims.recipes.destroy(params.recipe_id, query.cascade),
});
