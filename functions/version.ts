import * as v from "valibot";
import { endpoint } from "./http/endpoint.ts";

export default endpoint({
  operation: "getVersion",
  summary: "Get the service's version",
  tag: "version",
  method: "get",
  path: "/version",
  role: "anyone",
  uses: {},
  returns: v.object({ version: v.string() }),
  status: 200,
  run: ({ services }) => ({ version: services.version }),
});
