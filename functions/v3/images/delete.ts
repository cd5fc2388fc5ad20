import { endpoint } from "../../http/endpoint.ts";

export default endpoint({
  operation: "delete_v3_image",
  summary: "Move an image record to the trash",
  tag: "images",
  method: "delete",
  path: "/v3/images/{image_id}",
  role: "admin",
  uses: { records: "write", objects: "write" },
  status: 204,
  problems: [422],
  run: ({ ims, params }) => ims.images.remove(params.image_id),
});
