import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_v3_public_key",
  summary: "Move a public key record to the trash",
  tag: "public-keys",
  method: "delete",
  path: "/v3/public-keys/{public_key_id}",
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims, params }) => ims.publicKeys.remove(params.public_key_id),
});
