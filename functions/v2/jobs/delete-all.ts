import third from "../../v3/jobs/delete-all.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "delete_all_v2_jobs");
