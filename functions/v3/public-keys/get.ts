import { endpoint } from "../../http/endpoint.ts";
import { PublicKeyV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_v3_public_key",
  summary: "Get a public key record",
  tag: "public-keys",
  method: "get",
  path: "/v3/public-keys/{public_key_id}",
  role: "reader",
  uses: { records: "read" },
  returns: PublicKeyV3,
  status: 200,
  run: ({ ims, params }) => ims.publicKeys.get(params.public_key_id),
});
