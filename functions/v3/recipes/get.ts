import { endpoint } from "../../http/endpoint.ts";
import { RecipeV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_recipe",
  summary: "Get a recipe record",
  tag: "recipes",
  method: "get",
  path: "/v3/recipes/{recipe_id}",
  role: "reader",
  uses: { records: "read" },
  returns: RecipeV3,
  status: 200,
  run: ({ ims, params }) => ims.recipes.get(params.recipe_id),
});
