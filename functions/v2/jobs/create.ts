import third from "../../v3/jobs/create.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "post_v2_job");
