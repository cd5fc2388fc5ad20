import third from "../../v3/public-keys/get.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "get_v2_public_key");
