import third from "../../v3/recipes/create.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "post_v3_recipe");
