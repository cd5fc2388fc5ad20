import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_v3_recipe",
  summary: "Move a recipe record to the trash",
  tag: "recipes",
  method: "delete",
  path: "/v3/recipes/{recipe_id}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  status: 204,
  problems: [422],
  run: ({ ims, params }) => ims.recipes.remove(params.recipe_id),
});
