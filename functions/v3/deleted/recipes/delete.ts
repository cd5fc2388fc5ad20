import { family } from "./family.ts";

export default family.purge;
