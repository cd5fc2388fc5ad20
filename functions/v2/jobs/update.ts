import third from "../../v3/jobs/update.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "patch_v2_job");
