import { describe, expect, it } from "vitest";
import { dynamoProxy } from "../support/dynamo-proxy.ts";
import { freshTable, onTable } from "../support/dynamo-records.ts";
import { createTestService } from "../support/ims.ts";
import { localstack } from "../support/localstack.ts";
import { insertImage } from "../support/records-values.ts";

interface Cost {
  /** `GetItem`: a unit each, for records of up to 4 KB. */
  readonly reads: number;
  /** `TransactWriteItems`: for each change 4 units for each KB. */
  readonly commits: number;
  /** `Query`: one to each partition of a kind, 16 for images and jobs. */
  readonly queries: number;
}

/** What each operation may ask of DynamoDB at most. `infra/dynamodb.md` tells what that means. */
const LIMITS: Readonly<Record<string, Cost>> = {
  "POST /v3/images": { reads: 0, commits: 1, queries: 0 },
  "GET /v3/images/{id}": { reads: 1, commits: 0, queries: 0 },
  "PATCH /v3/images/{id}": { reads: 2, commits: 1, queries: 0 },
  "PUT /v3/images/{id}/artifacts/kernel": { reads: 8, commits: 2, queries: 0 },
  "POST /v3/images/{id}/manifest": { reads: 7, commits: 2, queries: 0 },
  "GET /v3/images/{id}/artifacts": { reads: 2, commits: 0, queries: 0 },
  "GET /v3/images": { reads: 0, commits: 0, queries: 16 },
  "DELETE /v3/images/{id}": { reads: 9, commits: 2, queries: 0 },
  "GET /v3/deleted/images": { reads: 0, commits: 0, queries: 16 },
  "PATCH /v3/deleted/images/{id}": { reads: 10, commits: 2, queries: 0 },
  "DELETE /v3/deleted/images/{id}": { reads: 9, commits: 2, queries: 0 },
  "POST /v3/public-keys": { reads: 0, commits: 1, queries: 0 },
  "GET /v3/public-keys": { reads: 0, commits: 0, queries: 4 },
  "POST /v3/recipes": { reads: 0, commits: 1, queries: 0 },
  "PUT /v3/recipes/{id}/archive": { reads: 9, commits: 2, queries: 0 },
  "POST /v3/jobs": { reads: 3, commits: 1, queries: 10 },
  "GET /v3/jobs/{id}": { reads: 1, commits: 0, queries: 5 },
  "GET /v3/jobs": { reads: 0, commits: 0, queries: 21 },
  "one look at the jobs": { reads: 1, commits: 1, queries: 9 },
  "POST /v3/jobs/{id}/cancel": { reads: 2, commits: 1, queries: 0 },
  "DELETE /v3/jobs/{id}": { reads: 2, commits: 1, queries: 0 },
};

/** What each operation asks for, with so many images beside those that it is about. */
async function costs(others: number): Promise<Record<string, Cost>> {
  const { table, cleanup } = await freshTable();
  const proxy = await dynamoProxy();
  const records = await onTable(table, { aws: { ...localstack(), endpoint: proxy.url } });
  await records.commit(Array.from({ length: others }, (_, index) => insertImage(`other ${index}`)));
  const service = createTestService({}, { records });
  const counted: Record<string, Cost> = {};
  async function count<T>(name: string, work: () => Promise<T>): Promise<T> {
    proxy.reset();
    const result = await work();
    const times = (wanted: string) => proxy.requests.filter(({ operation }) => operation === wanted).length;
    const cost = { reads: times("GetItem"), commits: times("TransactWriteItems"), queries: times("Query") };
    expect(cost.reads + cost.commits + cost.queries).toBe(proxy.requests.length);
    counted[name] = cost;
    return result;
  }
  const { json: image } = await count("POST /v3/images", () => service.post("/v3/images", { name: "a" }));
  const id = String(image.id);
  await count("GET /v3/images/{id}", () => service.get(`/v3/images/${id}`));
  await count("PATCH /v3/images/{id}", () => service.patch(`/v3/images/${id}`, { arch: "aarch64" }));
  await count("PUT /v3/images/{id}/artifacts/kernel", () =>
    service.put(`/v3/images/${id}/artifacts/kernel`, "x"),
  );
  await service.put(`/v3/images/${id}/artifacts/rootfs`, "x");
  await count("POST /v3/images/{id}/manifest", () => service.post(`/v3/images/${id}/manifest`));
  await count("GET /v3/images/{id}/artifacts", () => service.get(`/v3/images/${id}/artifacts`));
  await count("GET /v3/images", () => service.get("/v3/images"));
  await count("DELETE /v3/images/{id}", () => service.remove(`/v3/images/${id}`));
  await count("GET /v3/deleted/images", () => service.get("/v3/deleted/images"));
  await count("PATCH /v3/deleted/images/{id}", () =>
    service.patch(`/v3/deleted/images/${id}`, { operation: "undelete" }),
  );
  await service.remove(`/v3/images/${id}`);
  await count("DELETE /v3/deleted/images/{id}", () => service.remove(`/v3/deleted/images/${id}`));
  const { json: key } = await count("POST /v3/public-keys", () =>
    service.post("/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" }),
  );
  await count("GET /v3/public-keys", () => service.get("/v3/public-keys"));
  const { json: recipe } = await count("POST /v3/recipes", () =>
    service.post("/v3/recipes", { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" }),
  );
  await count("PUT /v3/recipes/{id}/archive", () =>
    service.put(`/v3/recipes/${String(recipe.id)}/archive`, "x"),
  );
  const { json: job } = await count("POST /v3/jobs", () =>
    service.post("/v3/jobs", {
      job_type: "create",
      artifact_id: recipe.id,
      public_key_id: key.id,
      image_root_archive_name: "made",
    }),
  );
  await count("GET /v3/jobs/{id}", () => service.get(`/v3/jobs/${String(job.id)}`));
  await count("GET /v3/jobs", () => service.get("/v3/jobs"));
  await count("one look at the jobs", () => service.ims.reconciler.tick());
  await count("POST /v3/jobs/{id}/cancel", () => service.post(`/v3/jobs/${String(job.id)}/cancel`));
  await count("DELETE /v3/jobs/{id}", () => service.remove(`/v3/jobs/${String(job.id)}`));
  await records.close();
  await cleanup();
  return counted;
}

describe("the API on records in DynamoDB", () => {
  it("asks as much of it for each operation however many records there are, and no more than it must", async () => {
    const few = await costs(0);
    expect(await costs(1000)).toEqual(few);
    const above = Object.entries(few).filter(([name, cost]) => {
      const limit = LIMITS[name];
      return (
        limit === undefined ||
        cost.reads > limit.reads ||
        cost.commits > limit.commits ||
        cost.queries > limit.queries
      );
    });
    expect(above).toEqual([]);
    expect(Object.keys(few)).toEqual(Object.keys(LIMITS));
  });
});
