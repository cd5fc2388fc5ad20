import { ENDPOINTS } from "./endpoints.ts";

/** In place of a single endpoint, whose file has one as its default: a function then serves all of them. */
export default ENDPOINTS;
