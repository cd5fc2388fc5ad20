export { createIms } from "../../../core/ims.ts";
