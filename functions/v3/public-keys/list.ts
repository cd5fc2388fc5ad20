import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { PublicKeyV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_all_v3_public_keys",
  summary: "List all public key records in creation order",
  tag: "public-keys",
  method: "get",
  path: "/v3/public-keys",
  role: "reader",
  uses: { records: "read" },
  returns: v.array(PublicKeyV3),
  status: 200,
  run: ({ ims }) => ims.publicKeys.list(),
});
