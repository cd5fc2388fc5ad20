import type { ByteRange } from "../../../core/ports/artifacts.ts";
import { artifactDownload } from "../../http/artifact-download.ts";
import { endpoint, STORED_TYPE } from "../../http/endpoint.ts";

export default endpoint({
  operation: "get_v3_image_artifact",
  summary: "Download one of an image's artifacts, whole or by range",
  tag: "images",
  method: "get",
  path: "/v3/images/{image_id}/artifacts/{artifact_name}",
  role: "reader",
  uses: { records: "write", objects: "write" },
  answersBytes: {
    contentType: STORED_TYPE,
    description: "The artifact's bytes",
    redirects: "The artifact is at this URL of the object store, which lasts 15 minutes",
  },
  status: 200,
  async run({ ims, services, params }) {
    const { image_id, artifact_name } = params;
    const info = await ims.imageArtifacts.stat(image_id, artifact_name);
    const read = (range?: ByteRange) => ims.imageArtifacts.read(image_id, artifact_name, range);
    return artifactDownload(info, read, services.artifacts);
  },
});
