import { endpoint } from "../../http/endpoint.ts";
import { etagRemark, linkHeaders } from "../../http/etag-remark.ts";
import { NewRecipeV3, RecipeV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_recipes",
  summary: "Create a recipe record",
  tag: "recipes",
  method: "post",
  path: "/v3/recipes",
  role: "admin",
  uses: { records: "write", objects: "write" },
  body: NewRecipeV3,
  returns: RecipeV3,
  answerHeaders: linkHeaders,
  status: 201,
  run: ({ ims, body, header }) => ims.recipes.create(body, etagRemark(header)),
});
