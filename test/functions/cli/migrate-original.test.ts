import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RECORD_KINDS } from "../../../core/records.ts";
import {
  contentsOf,
  emptyStore,
  ims,
  type StoreEnv,
  type StorePorts,
  withStore,
} from "../../support/backup-stores.ts";
import { createTestService, type TestService } from "../../support/ims.ts";
import { store, storeImage } from "../../support/images.ts";
import type { Json } from "../../support/json.ts";
import { envFile } from "../../support/migrations.ts";
import { dataFolder, DEMANDED, FILES, originalData, type OriginalData } from "../../support/original-data.ts";

const RUNS = Number(process.env["IMS_LIFE_RUNS"] ?? 30);
const EMPTY = { kinds: Object.fromEntries(RECORD_KINDS.map((kind) => [kind, []])), objects: [], logs: {} };
const ID = "0a5cbb63-58c5-4a3a-a9b6-6d1a2e6f3b01";
const OTHER = "0a5cbb63-58c5-4a3a-a9b6-6d1a2e6f3b02";
const CREATED = "2026-11-23T13:38:31.010414";
const image = { id: ID, created: CREATED, name: "i", link: null, arch: "x86_64", metadata: {} };

async function move(to: StoreEnv, data: Readonly<Record<string, unknown>>, ...words: string[]) {
  return await ims(to, "migrate", "--original", await dataFolder(data), ...words);
}

/** A service on what has been brought. */
async function asked<T>(
  env: StoreEnv,
  use: (service: TestService, ports: StorePorts) => Promise<T>,
): Promise<T> {
  return await withStore(env, async ({ buckets, ...ports }) =>
    use(createTestService({}, ports, undefined, { buckets }), { buckets, ...ports }),
  );
}

const lists = async (service: TestService, ...paths: string[]): Promise<Json[]> =>
  await Promise.all(paths.map(async (path) => (await service.get(`/v3/${path}`)).json));

/** As the original fills it in when it reads its files, and this service writes times. */
function filledIn(record: Json, defaults: object = {}): Json {
  const given = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
  const utc = (text: string) => `${text.slice(0, 23)}Z`;
  const { link } = record;
  return {
    ...defaults,
    ...given,
    created: utc(record.created),
    ...(record.deleted === undefined ? {} : { deleted: utc(record.deleted) }),
    ...(link ? { link: { path: link.path, etag: link.etag ?? "", type: "s3" } } : {}),
  };
}

const asImage = (record: Json) => filledIn(record, { arch: "x86_64", metadata: {} });
const asRecipe = (record: Json) =>
  filledIn(
    { ...record, template_dictionary: record.template_dictionary ?? [] },
    { arch: "x86_64", require_dkms: true },
  );

function expectedJob(record: Json): Json {
  const { id, job_type, artifact_id, public_key_id, image_root_archive_name, status } = record;
  return expect.objectContaining({
    id,
    job_type,
    artifact_id,
    public_key_id,
    image_root_archive_name,
    created: filledIn(record).created,
    status: ["error", "success"].includes(status) ? status : "error",
    kernel_file_name: record.kernel_file_name ?? (record.arch === "aarch64" ? "Image" : "vmlinuz"),
    resultant_image_id: record.resultant_image_id,
    build_env_size: record.build_env_size ?? 60,
    kubernetes_job: record.kubernetes_job ?? "",
  });
}

describe("what the original service keeps in its files", { timeout: 120_000 }, () => {
  it("is answered as that one would, whatever it is, and brought once (behaviour 194)", async () => {
    await fc.assert(
      fc.asyncProperty(originalData, async (data) => {
        const to = await emptyStore();
        expect(await move(to, data)).toMatchObject({ exitCode: 0 });
        const before = await withStore(to, contentsOf);
        expect(await move(to, data)).toMatchObject({ exitCode: 0 });
        expect(await withStore(to, contentsOf)).toEqual(before);
        await asked(to, async (service) => {
          expect(
            await lists(service, "public-keys", "deleted/public-keys", "recipes", "deleted/recipes"),
          ).toEqual([
            data[FILES.keys]?.map((record) => filledIn(record)),
            data[FILES.deletedKeys]?.map((record) => filledIn(record)),
            data[FILES.recipes]?.map(asRecipe),
            data[FILES.deletedRecipes]?.map(asRecipe),
          ]);
          expect(await lists(service, "images", "deleted/images", "jobs", "remote-build-nodes")).toEqual([
            data[FILES.images]?.map(asImage),
            data[FILES.deletedImages]?.map(asImage),
            data[FILES.jobs]?.map(expectedJob),
            data[FILES.nodes],
          ]);
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("is refused whole when any record of it is broken, which is named by file and position", async () => {
    const broken = originalData
      .filter((data) => Object.values(data).some((records) => records.length > 0))
      .chain((data) => {
        const places = Object.entries(data).flatMap(([file, records]) =>
          records.flatMap((_, at) => (DEMANDED[file] ?? []).map((member) => ({ file, at, member }))),
        );
        return fc.record({
          data: fc.constant(data),
          place: fc.constantFrom(...places),
          wrong: fc.constantFrom(undefined, null, 7, "", []),
        });
      });
    const to = await emptyStore();
    await fc.assert(
      fc.asyncProperty(broken, async ({ data, place: { file, at, member }, wrong }) => {
        const records = (data[file] ?? []).map((record, n) =>
          n === at ? { ...record, [member]: wrong } : record,
        );
        const changed: OriginalData = { ...data, [file]: records };
        const { exitCode, said } = await move(to, changed);
        expect([exitCode, said.join()]).toEqual([
          1,
          expect.stringContaining(`${file}, record ${at + 1} of ${records.length}`),
        ]);
        expect(said.join()).toContain(`: ${member}: `);
      }),
      { numRuns: RUNS },
    );
    expect(await withStore(to, contentsOf)).toEqual(EMPTY);
  });

  it("loses the members that nobody knows, and says which", async () => {
    const link = { path: "s3://boot-images/1/manifest.json", type: "s3", size: 7 };
    const data = {
      [FILES.images]: [
        { ...image, link, owner: "me" },
        { ...image, id: OTHER, owner: "you" },
      ],
    };
    const to = await emptyStore();
    expect(await move(to, data)).toEqual({
      exitCode: 0,
      said: [
        `! ${FILES.images}: the unknown member link.size of 1 records was left out, first in ${FILES.images}, record 1 of 2 (${ID}).`,
        `! ${FILES.images}: the unknown member owner of 2 records was left out, first in ${FILES.images}, record 1 of 2 (${ID}).`,
        "Moved: 3 records, 0 objects, 0 logs",
      ],
    });
  });

  it("is taken from the newest file of each kind, and those before are named", async () => {
    const to = await emptyStore();
    const data = {
      [FILES.images]: [image],
      "v2_images.json": [{ broken: true }],
      "v2.10_jobs.json": [],
      "v2.9_jobs.json": [],
    };
    const { exitCode, said } = await move(to, data);
    expect([exitCode, said]).toEqual([
      0,
      [
        "! v2.9_jobs.json is older than v2.10_jobs.json, and was left out.",
        "! v2_images.json is older than v2.1_images.json, and was left out.",
        "Moved: 1 records, 0 objects, 0 logs",
      ],
    ]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      "a file that a crash left empty",
      { [FILES.images]: "" },
      /v2\.1_images\.json is empty: the original was killed/u,
    ],
    [
      "a file that breaks off",
      { [FILES.images]: '[{"id": "1"' },
      /v2\.1_images\.json is not JSON: .*position 11/u,
    ],
    ["a file that is no list", { [FILES.images]: {} }, /v2\.1_images\.json is not a list of records/u],
    ["no file at all", { "other.json": [] }, /There is no data file of the original/u],
    [
      "a record that a crash left live and deleted",
      { [FILES.images]: [image], [FILES.deletedImages]: [{ ...image, deleted: CREATED }] },
      /v3\.1_deleted_images\.json, record 1 of 1 .*has the id of v2\.1_images\.json, record 1 of 1/u,
    ],
    [
      "two images of one path",
      {
        [FILES.images]: [ID, OTHER].map((id) => ({
          ...image,
          id,
          link: { path: "s3://boot-images/1/m", type: "s3", etag: "" },
        })),
      },
      /record 2 of 2 .*has the link path of v2\.1_images\.json, record 1 of 2/u,
    ],
    [
      "a time that there is not",
      { [FILES.images]: [{ ...image, created: "2026-13-01T00:00:00" }] },
      /no time that there is/u,
    ],
  ])("is refused with %s", async (_what, data, words) => {
    const to = await emptyStore();
    const { exitCode, said } = await move(to, data);
    expect([exitCode, said.join()]).toEqual([1, expect.stringMatching(words)]);
    expect(await withStore(to, contentsOf)).toEqual(EMPTY);
  });

  it("is named where links lead to buckets that are not looked into", async () => {
    const link = { path: "s3://elsewhere/1/manifest.json", type: "s3" };
    const data = { [FILES.images]: [{ ...image, link }] };
    const { exitCode, said } = await move(await emptyStore(), data);
    expect([exitCode, said[0]]).toEqual([0, expect.stringContaining("link to the bucket elsewhere, first")]);
    const told = { ...(await emptyStore()), IMS_LINK_BUCKETS: "elsewhere" };
    expect((await move(told, data)).said).toEqual(["Moved: 2 records, 0 objects, 0 logs"]);
  });

  it("comes with its objects from where they are, and what is in the trash comes back with them", async () => {
    const from = await emptyStore();
    const link = await withStore(from, async ({ artifacts }) => await storeTrash(artifacts));
    const recipe = {
      id: OTHER,
      created: CREATED,
      name: "r",
      link: { path: `s3://ims/recipes/${OTHER}/recipe.tgz`, etag: "stale", type: "s3" },
      recipe_type: "kiwi-ng",
      linux_distribution: "sles15",
      template_dictionary: null,
    };
    const key = { id: OTHER, created: CREATED, name: "k", public_key: "ssh-ed25519 A" };
    const job = {
      id: ID,
      created: CREATED,
      job_type: "create",
      artifact_id: OTHER,
      public_key_id: OTHER,
      image_root_archive_name: "i",
      status: "building_image",
    };
    const data = {
      [FILES.deletedImages]: [{ ...image, link, deleted: CREATED }],
      [FILES.recipes]: [recipe],
      [FILES.keys]: [key],
      [FILES.jobs]: [job],
    };
    const to = await emptyStore();
    const words = ["--from", await envFile(from)];
    expect((await move(to, data, "--dry-run", ...words)).said).toEqual([
      "To move: 5 records, 7 objects, 0 logs",
    ]);
    expect((await move(to, data, ...words)).said).toEqual(["Moved: 5 records, 7 objects, 0 logs"]);
    await asked(to, async (service) => {
      expect((await service.patch(`/v3/deleted/images/${ID}`, { operation: "undelete" })).status).toBe(204);
      const parts = (await service.get(`/v3/images/${ID}/artifacts`)).json;
      expect(parts.map((part: Json) => part.name)).toContain("rootfs");
      const lost = (await service.get(`/v3/jobs/${ID}`)).json;
      expect(lost).toMatchObject({ status: "error", error: { code: "agent_lost", phase: "building_image" } });
      expect((await service.post(`/v3/jobs/${ID}/retry`)).status).toBe(201);
    });
  });
});

/** An image as the original leaves it behind when it is deleted, and a recipe's archive. */
async function storeTrash(artifacts: StorePorts["artifacts"]) {
  const bucket = "boot-images";
  await store(artifacts, "ims", `recipes/${OTHER}/recipe.tgz`, "archive");
  await storeImage(artifacts, ID);
  const entries = [];
  for (const { key } of await Array.fromAsync(artifacts.list(bucket, `${ID}/`))) {
    const moved = await artifacts.move({ bucket, key }, { bucket, key: `deleted/${key}` });
    const link = { path: `s3://${bucket}/deleted/${key}`, etag: moved?.etag, type: "s3" };
    const type = key.endsWith("manifest.json") ? "application/vnd.cray.image.manifest" : "application/x";
    entries.push({ type, link });
  }
  const key = `deleted/${ID}/deleted_manifest.json`;
  const text = JSON.stringify({ version: "1.0", created: "2026-11-23 13:38:31", artifacts: entries });
  await store(artifacts, bucket, key, text);
  return { path: `s3://${bucket}/${key}`, etag: "", type: "s3" };
}
