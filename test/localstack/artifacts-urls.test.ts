import { describe, expect, it } from "vitest";
import { hexDigest, textSource } from "../support/artifact-content.ts";
import { freshBuckets, s3Artifacts } from "../support/s3-artifacts.ts";

async function store(now = Date.now()) {
  const { ims } = await freshBuckets();
  const artifacts = s3Artifacts([ims], { clock: { now: () => now } });
  return { artifacts, at: (key: string) => ({ bucket: ims, key }) };
}

const KEYS = ["plain", "a/b c/+&=?#%2F", "Grüße/\u{1F980}", "//a//", "it's (a) *!~"];

describe("a signed URL of S3", () => {
  it.each(KEYS)("lets its bearer put an object and get it again: %s", async (key) => {
    const { artifacts, at } = await store();
    const metadata = { md5sum: "abc", name: "x y" };
    const put = await artifacts.signUrl("PUT", at(key), 60, metadata);
    const headers = { "x-amz-meta-md5sum": "abc", "x-amz-meta-name": "x y", "content-type": "text/x" };
    const answer = await fetch(put.url, { method: "PUT", body: "content", headers });
    expect(answer.status).toBe(200);
    expect(await artifacts.stat(at(key))).toMatchObject({
      size: 7,
      etag: hexDigest("md5", "content"),
      contentType: "text/x",
      metadata,
    });
    const get = await artifacts.signUrl("GET", at(key), 60);
    expect(await (await fetch(get.url)).text()).toBe("content");
    const range = await fetch(get.url, { headers: { range: "bytes=2-4" } });
    expect([range.status, await range.text()]).toEqual([206, "nte"]);
  });

  it("is refused with 403 when it has expired", async () => {
    const hourAgo = Date.now() - 3_600_000;
    const { artifacts, at } = await store(hourAgo);
    await artifacts.write(at("a"), textSource("1"));
    const [get, put] = await Promise.all([
      artifacts.signUrl("GET", at("a"), 3000),
      artifacts.signUrl("PUT", at("a"), 3000),
    ]);
    expect((await fetch(get.url)).status).toBe(403);
    expect((await fetch(put.url, { method: "PUT", body: "2" })).status).toBe(403);
    const { url } = await artifacts.signUrl("GET", at("a"), 3700);
    expect(await (await fetch(url)).text()).toBe("1");
  });

  it("is refused with 403 when anything of it was changed, or it is used for something else", async () => {
    const { artifacts, at } = await store();
    for (const key of ["a", "b"]) await artifacts.write(at(key), textSource("1"));
    const { url } = await artifacts.signUrl("GET", at("a"), 60);
    const put = await artifacts.signUrl("PUT", at("a"), 60, { md5sum: "abc" });
    const changed = (change: (url: URL) => void) => {
      const other = new URL(url);
      change(other);
      return other;
    };
    const answers = await Promise.all([
      fetch(changed((other) => (other.pathname = other.pathname.replace(/a$/u, "b")))),
      fetch(changed(({ searchParams }) => searchParams.set("X-Amz-Expires", "600"))),
      fetch(changed(({ searchParams }) => searchParams.set("X-Amz-Signature", "0".repeat(64)))),
      fetch(url, { method: "PUT", body: "2" }),
      fetch(url, { method: "DELETE" }),
      fetch(put.url, { method: "PUT", body: "2", headers: { "x-amz-meta-md5sum": "other" } }),
      fetch(put.url, { method: "PUT", body: "2" }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
    expect(await artifacts.stat(at("a"))).toMatchObject({ etag: hexDigest("md5", "1") });
  });
});
