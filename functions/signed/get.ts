import { notFound } from "../../core/errors.ts";
import { artifactDownload } from "../http/artifact-download.ts";
import { endpoint, STORED_TYPE } from "../http/endpoint.ts";
import { signedAddress, SignedQuery } from "./signed.ts";

export default endpoint({
  operation: "get_signed_object",
  summary: "Download the object of a signed URL",
  tag: "signed",
  method: "get",
  path: "/signed/{bucket}/{key*}",
  role: "anyone",
  uses: { objects: "read" },
  internal: true,
  query: SignedQuery,
  problems: [403],
  answersBytes: { contentType: STORED_TYPE, description: "The object's bytes" },
  status: 200,
  async run({ services, params, query }) {
    const address = signedAddress(services.signedUrls, "GET", params, query);
    const info = await services.artifacts.stat(address);
    if (info === undefined) throw notFound();
    return artifactDownload(info, async (range) => {
      const content = await services.artifacts.read(address, range);
      if (content === undefined) throw notFound();
      return content;
    });
  },
});
