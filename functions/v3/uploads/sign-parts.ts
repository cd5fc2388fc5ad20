import * as v from "valibot";
import { endpoint } from "../../http/endpoint.ts";
import { PartNumbersV3, SignedPartV3 } from "../shapes.ts";

export default endpoint({
  operation: "post_v3_upload_parts",
  summary: "Get URLs to which parts are sent",
  description:
    "Numbers begin with 1. `PUT` the bytes of each part to its URL before `expires_at`, without further credentials; a part that is sent again replaces the one before.",
  tag: "uploads",
  method: "post",
  path: "/v3/uploads/{upload_id}/parts",
  role: "admin",
  uses: { records: "read", objects: "write" },
  body: PartNumbersV3,
  returns: v.array(SignedPartV3),
  status: 200,
  problems: [409],
  exists: ({ ims, params }) => ims.uploads.get(params.upload_id),
  async run({ ims, params, body }) {
    const signed = await ims.uploads.signParts(params.upload_id, body.part_numbers);
    return signed.map(({ number, url, expires_at }) => ({
      part_number: number,
      method: "PUT" as const,
      url,
      expires_at,
    }));
  },
});
