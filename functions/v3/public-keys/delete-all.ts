import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_all_v3_public_keys",
  summary: "Move every public key record to the trash",
  ...eachRecord,
  tag: "public-keys",
  method: "delete",
  path: "/v3/public-keys",
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims }) => ims.publicKeys.removeAll(),
});
