import { digestHeaders } from "../http/digest-headers.ts";
import { endpoint } from "../http/endpoint.ts";
import { signedAddress, SignedQuery } from "./signed.ts";

export default endpoint({
  operation: "put_signed_object",
  summary: "Store the object of a signed URL",
  tag: "signed",
  method: "put",
  path: "/signed/{bucket}/{key*}",
  role: "anyone",
  uses: { objects: "write" },
  internal: true,
  query: SignedQuery,
  problems: [403],
  takesBytes: { description: "The object's bytes" },
  status: 204,
  answerHeaders: { "repr-digest": "The digests of the bytes that came: sha-256 and md5" },
  async run({ services, params, query, upload, header }) {
    const address = signedAddress(services.signedUrls, "PUT", params, query);
    const stored = await services.artifacts.write(address, upload.bytes, {
      contentType: upload.contentType ?? "application/octet-stream",
      metadata: upload.metadata,
      expect: upload.expect,
    });
    for (const [name, value] of Object.entries(digestHeaders(stored))) header(name, value);
  },
});
