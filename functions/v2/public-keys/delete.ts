import { endpoint } from "../../http/endpoint.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "delete_v2_public_key",
  summary: "Delete a public key record for good",
  tag: "public-keys",
  method: "delete",
  ...secondPaths("/public-keys/{public_key_id}"),
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims, params }) => ims.publicKeys.destroy(params.public_key_id),
});
