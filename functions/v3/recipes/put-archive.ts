import { endpoint } from "../../http/endpoint.ts";
import { RecipeV3 } from "../shapes.ts";

export default endpoint({
  operation: "put_v3_recipe_archive",
  summary: "Upload a recipe's archive (tar.gz) and link the recipe to it",
  tag: "recipes",
  method: "put",
  path: "/v3/recipes/{recipe_id}/archive",
  role: "admin",
  uses: { records: "write", objects: "write" },
  takesBytes: { description: "A tar.gz of the recipe's description" },
  returns: RecipeV3,
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.recipes.get(params.recipe_id),
  run: ({ ims, params, upload }) => ims.recipeArchives.put(params.recipe_id, upload.bytes, upload.expect),
});
