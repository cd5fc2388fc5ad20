import * as v from "valibot";
import { endpoint } from "../http/endpoint.ts";

export default endpoint({
  operation: "get_healthz_ready",
  summary: "Whether records and objects can be stored now",
  tag: "healthz",
  method: "get",
  path: "/healthz/ready",
  role: "anyone",
  uses: { records: "write", objects: "write" },
  returns: v.object({}),
  status: 200,
  problems: [503, 507],
  async run({ ims }) {
    await ims.checkStorage();
    return {};
  },
});
