import third from "../../v3/images/get.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "get_v2_image");
