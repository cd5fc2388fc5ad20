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
  answersBytes: { contentType: STORED_TYPE, description: "A tar.gz of the recipe's description" },
  status: 200,
  async run({ ims, params }) {
    const info = await ims.recipeArchives.stat(params.recipe_id);
    return artifactDownload(info, (range) => ims.recipeArchives.read(params.recipe_id, range));
  },
});
