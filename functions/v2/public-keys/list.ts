import third from "../../v3/public-keys/list.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "get_all_v2_public_keys");
