import { endpoint } from "../../http/endpoint.ts";
import { NewPublicKeyV3, PublicKeyV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_public_key",
  summary: "Create a public key record",
  tag: "public-keys",
  method: "post",
  path: "/v3/public-keys",
  role: "admin",
  uses: { records: "write" },
  body: NewPublicKeyV3,
  returns: PublicKeyV3,
  status: 201,
  run: ({ ims, body }) => ims.publicKeys.create(body),
});
