import type { ByteRange } from "../../../core/ports/artifacts.ts";
import { artifactDownload } from "../../http/artifact-download.ts";
import { endpoint, STORED_TYPE } from "../../http/endpoint.ts";

export default endpoint({
  operation: "get_v3_recipe_archive",
  summary: "Download a recipe's archive",
  tag: "recipes",
  method: "get",
  path: "/v3/recipes/{recipe_id}/archive",
  role: "reader",
  uses: { records: "write", objects: "write" },
  answersBytes: {
    contentType: STORED_TYPE,
    description: "A tar.gz of the recipe's description",
    redirects: "The archive is at this URL of the object store, which lasts 15 minutes",
  },
  status: 200,
  async run({ ims, services, params }) {
    const info = await ims.recipeArchives.stat(params.recipe_id);
    const read = (range?: ByteRange) => ims.recipeArchives.read(params.recipe_id, range);
    return artifactDownload(info, read, services.artifacts);
  },
});
