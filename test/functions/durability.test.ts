import path from "node:path";
import { describe, expect, it } from "vitest";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { scratchFolder } from "../support/archives.ts";
import { createTestService, type TestService } from "../support/ims.ts";
import { jobRequest } from "../support/job-requests.ts";
import type { Json } from "../support/json.ts";

const KINDS = ["public-keys", "recipes", "images", "jobs"] as const;
const bodies = {
  "public-keys": { name: "n", public_key: "k" },
  recipes: { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" },
  images: { name: "i", metadata: { k: "v" } },
} as const;

/** Runs a service on a store in a file as long as `use` lasts; the next one finds what this one left. */
async function withService<T>(file: string, use: (service: TestService) => Promise<T>): Promise<T> {
  const records = await createSqliteRecords({ path: file });
  try {
    return await use(createTestService({}, { records }));
  } finally {
    await records.close();
  }
}

async function lists(service: TestService): Promise<Json[]> {
  const all = [];
  for (const kind of [
    ...KINDS,
    "deleted/public-keys",
    "deleted/recipes",
    "deleted/images",
    "remote-build-nodes",
  ])
    all.push((await service.get(`/v3/${kind}`)).json);
  return all;
}

describe("a service that is started again", () => {
  it("has everything that it had, in its order (behaviour 200)", async () => {
    const file = path.join(await scratchFolder(), "records.sqlite");
    const before = await withService(file, async (service) => {
      const request = await jobRequest(service);
      await service.post("/v3/jobs", request);
      await service.post("/v3/remote-build-nodes", { xname: "x1" });
      for (const [kind, body] of Object.entries(bodies)) {
        const { id } = (await service.post(`/v3/${kind}`, body)).json;
        await service.post(`/v3/${kind}`, body);
        await service.remove(`/v3/${kind}/${id}`);
      }
      return await lists(service);
    });
    expect(before.map((list) => list.length)).toEqual([2, 2, 1, 1, 1, 1, 1, 1]);
    expect(await withService(file, lists)).toEqual(before);
  });

  it.each(["public-keys", "recipes", "images"] as const)(
    "knows nothing of the %s that were all deleted for good, and all of those that came after (behaviour 30, 107, 128)",
    async (kind) => {
      const file = path.join(await scratchFolder(), "records.sqlite");
      const { id } = await withService(file, async (service) => {
        await service.post(`/v3/${kind}`, bodies[kind]);
        expect((await service.remove(`/${kind}`)).status).toBe(204);
        return (await service.post(`/v2/${kind}`, bodies[kind])).json;
      });
      await withService(file, async (service) => {
        expect((await service.get(`/v3/${kind}`)).json).toMatchObject([{ id }]);
        expect((await service.get(`/v3/deleted/${kind}`)).json).toEqual([]);
      });
    },
  );
});

describe("a record that goes to the trash", () => {
  it.each(["public-keys", "recipes", "images"] as const)(
    "of %s is on one side or on the other, whatever happens on the way (behaviour 196)",
    async (kind) => {
      const service = createTestService();
      const { id } = (await service.post(`/v3/${kind}`, bodies[kind])).json;
      const sides = async () => [
        (await service.get(`/v3/${kind}/${id}`)).status,
        (await service.get(`/v3/deleted/${kind}/${id}`)).status,
      ];
      const { records } = service.ports;
      const commit = records.commit.bind(records);
      records.commit = async () => {
        throw new Error("crash");
      };
      expect((await service.remove(`/v3/${kind}/${id}`)).status).toBe(500);
      expect(await sides()).toEqual([200, 404]);
      let commits = 0;
      records.commit = async (changes) => {
        commits += 1;
        await commit(changes);
      };
      await service.remove(`/v3/${kind}/${id}`);
      expect([commits, await sides()]).toEqual([1, [404, 200]]);
      await service.patch(`/v3/deleted/${kind}/${id}`, { operation: "undelete" });
      expect([commits, await sides()]).toEqual([2, [200, 404]]);
    },
  );
});
