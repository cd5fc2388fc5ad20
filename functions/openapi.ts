import * as v from "valibot";
import { endpoint } from "./http/endpoint.ts";

export default endpoint({
  operation: "get_openapi",
  summary: "Get this description of the API",
  tag: "version",
  method: "get",
  path: "/openapi.json",
  role: "anyone",
  uses: {},
  returns: v.unknown(),
  status: 200,
  run: ({ services }) => services.openapi(),
});
