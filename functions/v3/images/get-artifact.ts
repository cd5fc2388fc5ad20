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
  answersBytes: { contentType: STORED_TYPE, description: "The artifact's bytes" },
  status: 200,
  async run({ ims, params }) {
    const { image_id, artifact_name } = params;
    const info = await ims.imageArtifacts.stat(image_id, artifact_name);
    return artifactDownload(info, (range) => ims.imageArtifacts.read(image_id, artifact_name, range));
  },
});
