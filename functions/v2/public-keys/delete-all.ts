import { eachRecord } from "../../http/each-record.ts";
import { endpoint } from "../../http/endpoint.ts";
import { secondPaths } from "../second-generation.ts";

export default endpoint({
  operation: "delete_all_v2_public_keys",
  summary: "Delete every public key record for good",
  ...eachRecord,
  tag: "public-keys",
  method: "delete",
  ...secondPaths("/public-keys"),
  role: "admin",
  uses: { records: "write" },
  status: 204,
  run: ({ ims }) => ims.publicKeys.destroyAll(),
});
