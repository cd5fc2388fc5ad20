import third from "../../v3/public-keys/create.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "post_v2_public_key");
