import { notFound } from "../../../core/errors.ts";
import { ARTIFACT_NAMES } from "../../../core/images/uploaded-parts.ts";
import { endpoint } from "../../http/endpoint.ts";
import { UploadedArtifactV3 } from "../shapes.ts";

export default endpoint({
  operation: "put_v3_image_artifact",
  summary: "Upload one of an image's artifacts: rootfs, kernel, initrd, boot_parameters or debug_kernel",
  tag: "images",
  method: "put",
  path: "/v3/images/{image_id}/artifacts/{artifact_name}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  takesBytes: { description: "The artifact's bytes" },
  returns: UploadedArtifactV3,
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.images.get(params.image_id),
  async run({ ims, params, upload }) {
    const name = ARTIFACT_NAMES.find((known) => known === params.artifact_name);
    if (name === undefined) throw notFound();
    return await ims.imageUploads.put(params.image_id, name, upload.bytes, upload.expect);
  },
});
