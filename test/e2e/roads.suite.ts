import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tarBytes } from "../support/archives.ts";
import type { Json } from "../support/json.ts";
import { documented } from "../support/api-contract.ts";

/** A service as its clients see it, however it is deployed. No job of it is ever launched (IMS_MAX_JOBS=0). */
export interface Deployment {
  readonly url: string;
  /** A token of each role. */
  readonly admin: string;
  readonly reader: string;
  stop(): Promise<void>;
}

/** What deployments may do differently; README says why. */
export interface Differences {
  /** A body of 5 MB on the API itself: taken, or refused with the way to send it. */
  readonly largeBody: "taken" | "refused";
  /** Downloads come from the service itself, or from the object store it sends clients to. */
  readonly downloads: "here" | "from the store";
}

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO8mBDvqZ0s5bT0n8Q2qj4w3gq1cG1i5YB9h0bq9Yv8e me";
const MISSING = "00000000-0000-4000-8000-000000000000";

/** What clients do, from the first key to the emptied trash; the same for every deployment. */
export function roads(start: () => Promise<Deployment>, differences: Differences): void {
  let service: Deployment;
  beforeAll(async () => {
    service = await start();
  }, 300_000);
  afterAll(async () => {
    await service?.stop();
  });

  async function send(path: string, init: RequestInit = {}, token?: string): Promise<Response> {
    const headers = new Headers(init.headers);
    if (token !== "none") headers.set("authorization", `Bearer ${token ?? service.admin}`);
    return await documented(path, init, fetch(service.url + path, { redirect: "manual", ...init, headers }));
  }

  /** The answer at the end of all redirections. */
  async function follow(path: string, init: RequestInit = {}): Promise<Response> {
    const first = await send(path, init);
    const location = first.headers.get("location");
    if (first.status !== 307 || location === null) return first;
    return await fetch(location, init);
  }

  async function call(method: string, path: string, body?: unknown, token?: string) {
    const content = typeof body === "string" ? body : JSON.stringify(body);
    const answer = await send(
      path,
      {
        method,
        ...(body === undefined ? {} : { body: content, headers: { "content-type": "application/json" } }),
      },
      token,
    );
    const text = await answer.text();
    const json: Json = text === "" ? undefined : JSON.parse(text);
    return { status: answer.status, headers: answer.headers, json };
  }

  async function put(path: string, bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
    const answer = await send(path, { method: "PUT", body: bytes, headers });
    const json: Json = await answer.json();
    return { status: answer.status, json };
  }

  let packed: Buffer<ArrayBuffer> | undefined;
  /** The same bytes each time, which its times would not be. */
  const archive = async () =>
    (packed ??= gzipSync(await tarBytes([{ name: "config.xml", content: "<image/>" }])));

  async function newKey(): Promise<string> {
    const { status, json } = await call("POST", "/v3/public-keys", { name: "me", public_key: KEY });
    expect(status).toBe(201);
    return json.id;
  }

  async function newRecipe(name: string): Promise<string> {
    const wanted = { name, recipe_type: "kiwi-ng", linux_distribution: "sles15" };
    const { status, json } = await call("POST", "/v3/recipes", wanted);
    expect(status).toBe(201);
    expect((await put(`/v3/recipes/${json.id}/archive`, await archive())).status).toBe(200);
    return json.id;
  }

  const ARTIFACTS = { rootfs: Buffer.from("a root file system"), kernel: Buffer.from("a kernel") };

  async function newImage(name: string): Promise<Json> {
    const image = await call("POST", "/v3/images", { name });
    expect(image.status).toBe(201);
    for (const [artifact, bytes] of Object.entries(ARTIFACTS))
      expect((await put(`/v3/images/${image.json.id}/artifacts/${artifact}`, bytes)).status).toBe(200);
    const linked = await call("POST", `/v3/images/${image.json.id}/manifest`);
    expect(linked.status).toBe(200);
    return linked.json;
  }

  const idsIn = async (path: string): Promise<string[]> =>
    (await call("GET", path)).json.map(({ id }: { id: string }) => id);

  describe("who may do what", () => {
    it("lets nobody in without a token, and readers change nothing", async () => {
      const nobody = await call("GET", "/v3/images", undefined, "none");
      expect(nobody).toMatchObject({ status: 401, json: { status: 401, title: "Unauthorized" } });
      expect(nobody.headers.get("www-authenticate")).toBe("Bearer");
      expect((await call("GET", "/v3/images", undefined, `ims.${MISSING}.${"x".repeat(43)}`)).status).toBe(
        401,
      );
      expect((await call("GET", "/v3/images", undefined, service.reader)).status).toBe(200);
      expect((await call("POST", "/v3/images", { name: "x" }, service.reader)).status).toBe(403);
    });

    it("tells everybody that it lives, which version it is, and what it can do", async () => {
      expect(await call("GET", "/healthz/live", undefined, "none")).toMatchObject({ status: 200, json: {} });
      expect((await call("GET", "/healthz/ready", undefined, "none")).status).toBe(200);
      expect((await call("GET", "/version", undefined, "none")).json.version).toMatch(/^\d+\.\d+\.\d+/u);
      expect((await call("GET", "/openapi.json", undefined, "none")).json.openapi).toBe("3.1.0");
    });
  });

  describe("public keys", () => {
    it("are kept, listed, put into the trash, and come back", async () => {
      const id = await newKey();
      expect((await call("GET", `/v3/public-keys/${id}`)).json).toMatchObject({ public_key: KEY });
      expect(await idsIn("/apis/ims/v3/public-keys")).toContain(id);
      expect((await call("DELETE", `/v3/public-keys/${id}`)).status).toBe(204);
      expect((await call("GET", `/v3/public-keys/${id}`)).status).toBe(404);
      expect(await idsIn("/v3/deleted/public-keys")).toContain(id);
      const undelete = { operation: "undelete" };
      expect((await call("PATCH", `/v3/deleted/public-keys/${id}`, undelete)).status).toBe(204);
      expect(await idsIn("/v3/public-keys")).toContain(id);
      expect((await call("DELETE", `/v2/public-keys/${id}`)).status).toBe(204);
      expect((await call("GET", `/v3/deleted/public-keys/${id}`)).status).toBe(404);
    });
  });

  describe("recipes", () => {
    it("take an archive and give it back, whole and by range", async () => {
      const id = await newRecipe("r");
      const bytes = await archive();
      const path = `/v3/recipes/${id}/archive`;
      const first = await send(path);
      expect(first.status).toBe(differences.downloads === "here" ? 200 : 307);
      await first.body?.cancel();
      const whole = await follow(path);
      expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
      const part = await follow(path, { headers: { range: "bytes=2-5" } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(2, 6));
      const etag = first.headers.get("etag") ?? "";
      expect((await send(path, { headers: { "if-none-match": etag } })).status).toBe(304);
      expect((await put(path, Buffer.from("others"))).status).toBe(409);
    });

    it("are answered with an ETag that spares clients what they have", async () => {
      const id = await newRecipe("e");
      const first = await send(`/v3/recipes/${id}`);
      const etag = first.headers.get("etag") ?? "";
      await first.body?.cancel();
      expect((await send(`/v3/recipes/${id}`, { headers: { "if-none-match": etag } })).status).toBe(304);
      await call("PATCH", `/v3/recipes/${id}`, { arch: "aarch64" });
      const changed = await send(`/v3/recipes/${id}`, { headers: { "if-none-match": etag } });
      expect(await changed.json()).toMatchObject({ arch: "aarch64" });
    });
  });

  describe("images", () => {
    it("are linked to what was uploaded, by a manifest", async () => {
      const image = await newImage("i");
      const artifacts = (await call("GET", `/v3/images/${image.id}/artifacts`)).json;
      expect(artifacts.map(({ name }: { name: string }) => name)).toEqual(["rootfs", "kernel", "manifest"]);
      const sha256 = createHash("sha256").update(ARTIFACTS.rootfs).digest("hex");
      expect(artifacts[0]).toMatchObject({ size: ARTIFACTS.rootfs.length, sha256 });
      const kernel = await follow(`/v3/images/${image.id}/artifacts/kernel`);
      expect(await kernel.text()).toBe("a kernel");
      const head = await send(`/v3/images/${image.id}/artifacts/kernel`, { method: "HEAD" });
      expect({ status: head.status, size: head.headers.get("content-length") }).toEqual({
        status: 200,
        size: "8",
      });
      const manifest = await follow(`/v3/images/${image.id}/artifacts/manifest`);
      expect(await manifest.json()).toMatchObject({ version: "1.0" });
      expect((await call("GET", `/v3/images/${image.id}/artifacts/initrd`)).status).toBe(404);
    });

    it("refuse bytes that are not what their sender says", async () => {
      const { json } = await call("POST", "/v3/images", { name: "wrong" });
      const path = `/v3/images/${json.id}/artifacts/rootfs`;
      const md5 = createHash("md5").update("others").digest("base64");
      expect((await put(path, Buffer.from("these"), { "content-md5": md5 })).status).toBe(422);
      expect((await call("GET", `/v3/images/${json.id}/artifacts`)).json).toEqual([]);
    });

    it("take a large artifact in one request, or say how it is to be sent", async () => {
      const { json } = await call("POST", "/v3/images", { name: "large" });
      const answer = await put(`/v3/images/${json.id}/artifacts/rootfs`, Buffer.alloc(4_300_000, "x"));
      const refused = { status: 413, json: { detail: expect.stringContaining("POST /v3/uploads") } };
      expect(answer).toMatchObject(differences.largeBody === "taken" ? { status: 200 } : refused);
    });

    it("take a large artifact in parts that go where their URLs say", async () => {
      const bytes = randomBytes(6 * 1024 ** 2);
      const { json: image } = await call("POST", "/v3/images", { name: "in parts" });
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const target = { image: image.id, artifact: "rootfs" };
      const wanted = { target, size: bytes.length, sha256, part_size: 5 * 1024 ** 2 };
      const { json: upload } = await call("POST", "/v3/uploads", wanted);
      const path = `/v3/uploads/${upload.id}`;
      const { json: parts } = await call("POST", `${path}/parts`, { part_numbers: [1, 2] });
      for (const { part_number, url } of parts) {
        const start = (part_number - 1) * upload.part_size;
        const body = bytes.subarray(start, start + upload.part_size);
        expect((await fetch(url, { method: "PUT", body })).ok).toBe(true);
      }
      expect((await call("GET", `${path}/parts`)).json).toHaveLength(2);
      expect(await call("POST", `${path}/complete`)).toMatchObject({ status: 200, json: { sha256 } });
      expect((await call("POST", `/v3/images/${image.id}/manifest`)).status).toBe(200);
      const back = await follow(`/v3/images/${image.id}/artifacts/rootfs`);
      expect(
        createHash("sha256")
          .update(Buffer.from(await back.arrayBuffer()))
          .digest("hex"),
      ).toBe(sha256);
    });

    it("go to the trash with their objects, come back, and go for good", async () => {
      const { id, link } = await newImage("trash");
      expect((await call("DELETE", `/v3/images/${id}`)).status).toBe(204);
      expect((await call("GET", `/v3/images/${id}`)).status).toBe(404);
      const deleted = (await call("GET", `/v3/deleted/images/${id}`)).json;
      expect(deleted.link.path).toContain("/deleted/");
      const undelete = { operation: "undelete" };
      expect((await call("PATCH", `/v3/deleted/images/${id}`, undelete)).status).toBe(204);
      expect((await call("GET", `/v3/images/${id}`)).json.link).toEqual(link);
      const rootfs = await follow(`/v3/images/${id}/artifacts/rootfs`);
      expect(await rootfs.text()).toBe("a root file system");
      expect((await call("DELETE", `/v3/images/${id}`)).status).toBe(204);
      expect((await call("DELETE", `/v3/deleted/images/${id}`)).status).toBe(204);
      expect((await call("GET", `/v3/deleted/images/${id}`)).status).toBe(404);
    });

    it("are deleted for good by the second generation, with their objects if it says so", async () => {
      const { id } = await newImage("second");
      expect((await call("GET", `/images/${id}`)).json.name).toBe("second");
      expect((await call("DELETE", `/images/${id}?cascade=true`)).status).toBe(204);
      expect((await call("GET", `/v3/deleted/images/${id}`)).status).toBe(404);
    });
  });

  describe("jobs", () => {
    async function newJob(): Promise<string> {
      const [artifact_id, public_key_id] = [await newRecipe("j"), await newKey()];
      const wanted = {
        job_type: "create",
        artifact_id,
        public_key_id,
        image_root_archive_name: "built",
      };
      const { status, json } = await call("POST", "/v3/jobs", wanted);
      expect({ status, of: json.status }).toEqual({ status: 201, of: "creating" });
      return json.id;
    }

    it("are accepted at once, wait in the queue, and end when they are cancelled", async () => {
      const id = await newJob();
      expect(await idsIn("/v3/jobs")).toContain(id);
      expect((await call("GET", `/v3/jobs/${id}`)).json.queue).toMatchObject({
        position: expect.any(Number),
      });
      const cancelled = await call("POST", `/v3/jobs/${id}/cancel`);
      expect(cancelled).toMatchObject({
        status: 200,
        json: { status: "error", error: { code: "cancelled" } },
      });
      const again = await call("POST", `/v3/jobs/${id}/retry`);
      expect(again).toMatchObject({ status: 201, json: { status: "creating" } });
      for (const one of [id, again.json.id]) {
        expect((await call("DELETE", `/v3/jobs/${one}`)).status).toBe(204);
        expect((await call("GET", `/v3/jobs/${one}`)).status).toBe(404);
      }
    });

    it("tell whoever follows their log how they ended, and end the stream", async () => {
      const id = await newJob();
      const followed = follow(`/v3/jobs/${id}/log?follow=1`);
      expect((await call("POST", `/v3/jobs/${id}/cancel`)).status).toBe(200);
      const answer = await followed;
      expect(answer.headers.get("content-type")).toContain("text/event-stream");
      const text = await answer.text();
      expect(text).toMatch(/event: progress\n/u);
      expect(text).toMatch(/event: end\n(?:id: .*\n)?data: .*cancelled/u);
      expect((await call("DELETE", `/v3/jobs/${id}`)).status).toBe(204);
    });

    it("take the words of their own agent only", async () => {
      const id = await newJob();
      const path = `/agent/jobs/${id}/plan`;
      expect((await call("GET", path)).status).toBe(401);
      expect((await call("GET", path, undefined, "none")).status).toBe(401);
      expect((await call("DELETE", `/v3/jobs/${id}`)).status).toBe(204);
    });

    it("are refused for a recipe or a key that there is not", async () => {
      const wanted = {
        job_type: "create",
        artifact_id: MISSING,
        public_key_id: await newKey(),
        image_root_archive_name: "x",
      };
      expect((await call("POST", "/v3/jobs", wanted)).status).toBe(400);
      expect((await call("GET", `/v3/jobs/${MISSING}`)).status).toBe(404);
    });
  });

  describe("errors", () => {
    it("are problem documents, whatever is asked for", async () => {
      for (const [method, path, body, status] of [
        ["GET", "/nowhere", undefined, 404],
        ["GET", `/v3/images/${MISSING}`, undefined, 404],
        ["PUT", "/v3/images", {}, 405],
        ["POST", "/v3/images", "{", 400],
        ["POST", "/v3/images", {}, 400],
        ["POST", "/v3/recipes", { name: 7, recipe_type: "none" }, 422],
        ["POST", "/v3/images", { name: "x".repeat(1_100_000) }, 413],
      ] as const) {
        const answer = await call(method, path, body);
        expect({ path, status: answer.status }).toEqual({ path, status });
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
        expect(answer.json).toMatchObject({ status, title: expect.any(String) });
      }
    });

    it("name every field at once, the methods that a path knows, and the type that it takes", async () => {
      const { json } = await call("POST", "/v3/recipes", { name: 7, recipe_type: "none" });
      expect(Object.keys(json.errors)).toEqual(
        expect.arrayContaining(["name", "recipe_type", "linux_distribution"]),
      );
      const wrong = await call("PUT", "/v3/images", {});
      expect(wrong.headers.get("allow")).toContain("POST");
      const headers = { "content-type": "text/plain" };
      const typed = await send("/v3/images", { method: "POST", body: "x", headers });
      expect(typed.status).toBe(415);
    });

    it("carry the request's id", async () => {
      const answer = await send(`/v3/images/${MISSING}`, { headers: { "x-request-id": "mine-1" } });
      expect(answer.headers.get("x-request-id")).toBe("mine-1");
    });
  });
}
