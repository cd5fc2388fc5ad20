import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { RecipeV3, UploadedArtifactV3, WholeV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_upload_complete",
  summary: "Make the parts the archive or artifact, and answer as its PUT does",
  description:
    "All parts must be there. A size or digest that differs is refused; so are other bytes for what is linked already. Safe to repeat when the answer was lost.",
  tag: "uploads",
  method: "post",
  path: "/v3/uploads/{upload_id}/complete",
  role: "admin",
  uses: { records: "write", objects: "write" },
  query: WholeV3,
  returns: v.union([UploadedArtifactV3, RecipeV3]),
  status: 200,
  problems: [409, 413, 422],
  exists: ({ ims, params }) => ims.uploads.get(params.upload_id),
  run: ({ ims, params, query }) => ims.uploads.complete(params.upload_id, query),
});
