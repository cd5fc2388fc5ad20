import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";
import { digestHeaders } from "../http/digest-headers.ts";
import { endpoint } from "../http/endpoint.ts";
import { refuseUnless, SignedQuery } from "./signed.ts";

const PartNumber = v.pipe(v.string(), v.regex(/^[1-9]\d{0,4}$/u), v.transform(Number));

export default endpoint({
  operation: "put_signed_part",
  summary: "Store the part of a signed URL",
  tag: "signed",
  method: "put",
  path: "/signed-parts/{upload}/{part}",
  role: "anyone",
  uses: { records: "read", objects: "write" },
  internal: true,
  query: SignedQuery,
  problems: [403, 409],
  takesBytes: { description: "The part's bytes" },
  status: 204,
  answerHeaders: {
    etag: "Of the part, as the list of parts has it",
    "repr-digest": "The digests of the bytes that came: sha-256 and md5",
  },
  async run({ ims, services, params, query, upload, header }) {
    const number = v.safeParse(PartNumber, params.part);
    if (!number.success) throw new DomainError("forbidden", "This URL's signature is not right.");
    const { expires, signature } = query;
    const claim = { id: params.upload, number: number.output, expires: Number(expires), signature };
    refuseUnless(services.parts.verifyPart(claim));
    const session = await ims.uploads.receiving(params.upload);
    const part = await services.parts.takePart(session, number.output, upload.bytes, upload.expect);
    header("etag", `"${part.etag}"`);
    for (const [name, value] of Object.entries(digestHeaders(part))) header(name, value);
  },
});
