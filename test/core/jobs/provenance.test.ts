import { describe, expect, it } from "vitest";
import { HIDDEN, provenanceOf, shownValue } from "../../../core/jobs/provenance.ts";
import { aJob } from "../../support/jobs.ts";

const facts = {
  builder: undefined,
  agent: undefined,
  serviceVersion: "1.2.3",
  now: Date.parse("2026-06-15T13:00:00.000Z"),
};

describe("a template value in an image's provenance", () => {
  it.each([
    ["HOSTNAME", "node", "node"],
    ["EMPTY_PASSWORD", "", ""],
    ["root_password", "x", HIDDEN],
    ["PASSPHRASE", "x", HIDDEN],
    ["DB_PWD", "x", HIDDEN],
    ["registryToken", "x", HIDDEN],
    ["AWS_SECRET_ACCESS_KEY", "x", HIDDEN],
    ["API_KEY", "x", HIDDEN],
    ["SCC_REGCODE", "x", HIDDEN],
    ["MONKEY", "x", "x"],
    ["WHATEVER", "-----BEGIN RSA PRIVATE KEY-----\nMII", HIDDEN],
    ["WHATEVER", "eyJhbGciOi.eyJzdWIi.sig", HIDDEN],
    ["MIRROR", "https://me:pw@example.org/debian", `https://${HIDDEN}@example.org/debian`],
    ["MIRROR", "https://example.org/debian?sig=abc", `https://example.org/debian?${HIDDEN}`],
    ["MIRROR", "https://example.org/debian", "https://example.org/debian"],
    ["LONG", "x".repeat(501), `${"x".repeat(500)}…`],
  ])("%s: %j is shown as %j", (name, value, shown) => {
    expect(shownValue(name, value)).toBe(shown);
  });
});

describe("the provenance of a customized image", () => {
  it("names the image it was made of, by what that was when the job was posted", () => {
    const source = {
      link: { type: "s3" as const, path: "s3://boot-images/b/manifest.json", etag: "" },
      etag: "manifest-etag",
      md5: "of the manifest",
      rootfs_md5: "of the rootfs",
    };
    const job = aJob({ job_type: "customize", artifact_id: "base", source });
    const provenance = provenanceOf(job, facts);
    expect(provenance).toMatchObject({
      job_type: "customize",
      base_image: { id: "base", manifest_etag: "manifest-etag", rootfs_md5: "of the rootfs" },
      started: job.created,
      finished: "2026-06-15T13:00:00.000Z",
    });
    expect(provenance).not.toHaveProperty("recipe");
    expect(provenance).not.toHaveProperty("template_values");
  });
});
