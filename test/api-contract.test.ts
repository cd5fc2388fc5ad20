import { describe, expect, it } from "vitest";
import { readyJson } from "../core/json.ts";
import { documented } from "./support/api-contract.ts";
import { createTestService } from "./support/ims.ts";

const image = {
  id: "1",
  created: "2026-06-15T12:00:00.000Z",
  name: "i",
  link: null,
  arch: "x86_64",
  metadata: {},
};
const problem = { title: "Not Found", status: 404 };

/** What a service would answer that is right, but for what a test changes. */
function answer(status: number, body: unknown, headers: Record<string, string | undefined> = {}): Response {
  const sent = {
    "content-type": status < 400 ? "application/json" : "application/problem+json",
    "x-request-id": "r",
    etag: '"e"',
    ...headers,
  };
  return new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: Object.entries(sent).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  });
}

const check = (sent: Response, path = "/v3/images", method = "GET") => documented(path, { method }, sent);

describe("an answer in a test", () => {
  it("passes when the description of the API says all of it", async () => {
    const right = await Promise.all([
      check(answer(200, [image])),
      check(answer(200, [image]), "/apis/ims/v3/images?x=1"),
      check(answer(200, undefined), "/v3/images", "HEAD"),
      check(answer(404, problem), "/v3/images/none"),
      check(answer(404, problem), "/nothing"),
      check(answer(405, problem, { allow: "GET" }), "/v3/images", "PUT"),
      check(answer(200, undefined, { allow: "GET" }), "/v3/images", "OPTIONS"),
    ]);
    expect(right.map(({ status }) => status)).toEqual([200, 200, 200, 404, 404, 405, 200]);
  });

  it.each<[string, Response, RegExp]>([
    [
      "a status",
      answer(418, {}),
      /^GET \/v3\/images \(get_all_v3_images\) answered 418: described are only 200,/u,
    ],
    ["a content type", answer(200, [], { "content-type": "text/html" }), /content type is text\/html/u],
    ["no content type", answer(204, undefined), /answered 204/u],
    ["a member", answer(200, [{ ...image, secret: 1 }]), /body\/0 must NOT have additional properties/u],
    ["a member's type", answer(200, [{ ...image, name: 7 }]), /body\/0\/name must be string/u],
    ["a member that is missing", answer(200, [{ ...image, arch: undefined }]), /required property 'arch'/u],
    ["a member of a record within", answer(200, [{ ...image, link: { path: "p" } }]), /body\/0\/link/u],
    ["a member of a problem", answer(500, { ...problem, stack: "at" }), /additional properties/u],
    ["a header that is missing", answer(200, [], { etag: undefined }), /header ETag is missing/u],
    ["a header's form", answer(200, [], { etag: "bare" }), /header ETag must match pattern/u],
  ])("fails for %s that is not described", async (_, sent, message) => {
    await expect(check(sent)).rejects.toThrow(message);
  });

  it("fails for a body where none is described", async () => {
    const sent = new Response("deleted", { status: 200, headers: { "x-request-id": "r", allow: "GET" } });
    await expect(check(sent, "/v3/images", "OPTIONS")).rejects.toThrow(/there is a body/u);
  });

  it("fails for a path or a method that is served without being described", async () => {
    await expect(check(answer(200, []), "/v4/images")).rejects.toThrow(
      /answered 200: described are only 404/u,
    );
    await expect(check(answer(200, []), "/v3/images", "PUT")).rejects.toThrow(/described are only 405/u);
    await expect(check(answer(405, problem), "/v3/images", "PUT")).rejects.toThrow(
      /header Allow is missing/u,
    );
  });

  it("is checked wherever a test asks the service", async () => {
    const service = createTestService();
    const undescribed = { xname: "x1", secret: 1 };
    service.ims.remoteBuildNodes.list = async () => readyJson(JSON.stringify([undescribed]), "tag");
    await expect(service.get("/remote-build-nodes")).rejects.toThrow(/must NOT have additional/u);
  });
});
