import { DeletedImageV3 } from "../../shapes.ts";
import { deletedFamily } from "../family.ts";

export const family = deletedFamily({
  one: "image",
  many: "images",
  noun: "image",
  path: "/v3/deleted/images",
  idName: "deleted_image_id",
  shape: DeletedImageV3,
  uses: { records: "write", objects: "write" },
  records: (ims) => ims.deletedImages,
});
