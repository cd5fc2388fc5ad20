import { DeletedPublicKeyV3 } from "../../shapes.ts";
import { deletedFamily } from "../family.ts";

export const family = deletedFamily({
  one: "public_key",
  many: "public_keys",
  noun: "public key",
  path: "/v3/deleted/public-keys",
  idName: "deleted_public_key_id",
  shape: DeletedPublicKeyV3,
  uses: { records: "write" },
  records: (ims) => ims.deletedPublicKeys,
});
