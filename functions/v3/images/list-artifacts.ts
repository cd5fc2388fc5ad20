import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { ArtifactV3 } from "../shapes.ts";

export default endpoint({
  operation: "get_all_v3_image_artifacts",
  summary: "List an image's artifacts with sizes and digests, the manifest last",
  tag: "images",
  method: "get",
  path: "/v3/images/{image_id}/artifacts",
  role: "reader",
  uses: { records: "write", objects: "write" },
  returns: v.array(ArtifactV3),
  status: 200,
  run: ({ ims, params }) => ims.imageArtifacts.list(params.image_id),
});
