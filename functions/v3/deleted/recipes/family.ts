import { DeletedRecipeV3 } from "../../shapes.ts";
import { deletedFamily } from "../family.ts";

export const family = deletedFamily({
  one: "recipe",
  many: "recipes",
  noun: "recipe",
  path: "/v3/deleted/recipes",
  idName: "recipe_id",
  shape: DeletedRecipeV3,
  uses: { records: "write", objects: "write" },
  records: (ims) => ims.deletedRecipes,
});
