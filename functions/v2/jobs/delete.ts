import third from "../../v3/jobs/delete.ts";
import { alike } from "../second-generation.ts";

export default alike(third, "delete_v2_job");
