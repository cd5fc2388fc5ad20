import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { RecipeV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_all_v3_recipes",
  summary: "List all recipe records in creation order",
  tag: "recipes",
  method: "get",
  path: "/v3/recipes",
  role: "reader",
  uses: { records: "read" },
  returns: v.array(RecipeV3),
  status: 200,
  run: ({ ims }) => ims.recipes.list(),
});
