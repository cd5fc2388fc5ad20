import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRecord } from "../../../core/records.ts";
import { createTestService } from "../../support/ims.ts";

const RUNS = 200;
const FIELDS = {
  images: ["name", "link", "arch", "metadata", "id"],
  recipes: [
    "name",
    "recipe_type",
    "linux_distribution",
    "template_dictionary",
    "require_dkms",
    "arch",
    "link",
  ],
  "public-keys": ["name", "public_key", "created"],
  jobs: [
    "job_type",
    "artifact_id",
    "public_key_id",
    "image_root_archive_name",
    "build_env_size",
    "ssh_containers",
  ],
  "remote-build-nodes": ["xname"],
};
const STORED = { images: "image", recipes: "recipe", "public-keys": "public-key" } as const;

/** Words of the API among any others, so that some of it gets past the first check. */
const value = fc.oneof(
  fc.constantFrom("x86_64", "kiwi-ng", "sles15", "create", "true", "s3://boot-images/x", "__proto__", ""),
  fc.jsonValue({ maxDepth: 2 }),
  fc.record({ type: fc.constant("s3"), path: fc.constantFrom("s3://b/k", "/", "s3://"), etag: fc.string() }),
  fc.dictionary(fc.constantFrom("key", "value", "operation", "__proto__", "x"), fc.string()),
  fc.array(fc.record({ key: fc.string({ unit: "binary" }), value: fc.string() })),
);

describe.each(Object.entries(FIELDS))("whatever is posted to /v3/%s", (kind, fields) => {
  it("is stored as it is read again, or refused with the reason, and never a fault", async () => {
    const service = createTestService();
    const body = fc.dictionary(fc.constantFrom(...fields), value, { noNullPrototype: true });
    const property = fc.asyncProperty(body, async (sent) => {
      const { status, json } = await service.post(`/v3/${kind}`, sent);
      if (status !== 201) return [400, 422].includes(status) && typeof json.detail === "string";
      const read = await service.get(`/v3/${kind}/${json.id ?? encodeURIComponent(json.xname)}`);
      const stored = Object.entries(STORED).find(([name]) => name === kind)?.[1];
      if (stored !== undefined) parseRecord(stored, json.id, read.json);
      return json.xname !== undefined || JSON.stringify(read.json) === JSON.stringify(json);
    });
    await expect(fc.assert(property, { seed: 7, numRuns: RUNS })).resolves.toBeUndefined();
  });
});
