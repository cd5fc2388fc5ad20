import * as v from "valibot";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "get_healthz_live",
  summary: "Whether the process answers",
  tag: "healthz",
  method: "get",
  path: "/healthz/live",
  role: "anyone",
  uses: {},
  returns: v.object({}),
  status: 200,
  run: () => ({}),
});
