import { endpoint } from "../../http/endpoint.ts";
import { etagRemark, linkHeaders } from "../../http/etag-remark.ts";
import { RecipePatchV3, RecipeV3 } from "../shapes.ts";

export default endpoint({
  operation: "patch_v3_recipe",
  summary: "Change a recipe record",
  tag: "recipes",
  method: "patch",
  path: "/v3/recipes/{recipe_id}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: RecipePatchV3,
  returns: RecipeV3,
  answerHeaders: linkHeaders,
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.recipes.get(params.recipe_id),
  run: ({ ims, params, body, header }) => ims.recipes.update(params.recipe_id, body, etagRemark(header)),
});
