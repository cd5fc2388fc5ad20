import path from "node:path";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import type { Ports } from "../../core/ports/index.ts";
import type { Settings } from "../../core/settings.ts";
import { RECORD_KINDS } from "../../core/records.ts";
import { listStored } from "../../core/collection.ts";
import { exportCommand } from "../../functions/cli/export.ts";
import { importCommand } from "../../functions/cli/import.ts";
import { migrateCommand } from "../../functions/cli/migrate.ts";
import { createBackups } from "../../functions/compose/backup.ts";
import { createMigrate } from "../../functions/compose/migrate.ts";
import { openArtifacts, openJobLogs, openRecords, prepareStorage } from "../../functions/compose/stores.ts";
import { readConfig } from "../../functions/config.ts";
import { scratchFolder } from "./archives.ts";
import { runInTest } from "./cli.ts";
import { gathered, hexDigest } from "./artifact-content.ts";
import { createTestService } from "./ims.ts";
import { storeImage } from "./images.ts";
import { agentOf, jobRequest } from "./job-requests.ts";

/** What tells a service where its store is. */
export type StoreEnv = Readonly<Record<string, string>>;
export interface StorePorts extends Pick<Ports, "records" | "artifacts" | "logs"> {
  readonly buckets: Settings["buckets"];
}

/** An empty folder for SQLite and files. */
export const emptyStore = async (): Promise<StoreEnv> => ({ IMS_DATA: await scratchFolder() });

const signer = createHmacSigner(new Uint8Array(32).fill(7));

/** Works on a store as a service would, and lets go of it. */
export async function withStore<T>(env: StoreEnv, use: (ports: StorePorts) => Promise<T>): Promise<T> {
  const config = readConfig(env, "x64");
  await prepareStorage(config);
  const records = await openRecords(config);
  try {
    const options = { signer, clock: createSystemClock(), publicUrl: () => "http://localhost" };
    const { artifacts } = await openArtifacts(config, options);
    const { buckets } = config.settings;
    return await use({ records, artifacts, logs: await openJobLogs(config), buckets });
  } finally {
    await records.close();
  }
}

/** Fills a store by what callers do, so that it has records of every kind, objects and logs. */
export async function fillStore(
  { records, artifacts, logs, buckets }: StorePorts,
  large = 100_000,
): Promise<void> {
  const ports = { records, artifacts, logs, signer };
  const service = createTestService({ maxRunning: 1 }, ports, undefined, { buckets });
  const created = async (resource: string, body: object): Promise<string> =>
    (await service.post(`/v3/${resource}`, body)).json.id;
  for (const n of [1, 2, 3]) {
    const id = await created("images", { name: `image ${n}`, metadata: { k: `v${n}` } });
    const link = await storeImage(artifacts, id, buckets.images);
    await service.patch(`/v3/images/${id}`, { link });
    const key = await created("public-keys", { name: `key ${n}`, public_key: `ssh-ed25519 ${n} ü` });
    const recipe = await created("recipes", {
      name: `recipe ${n}`,
      recipe_type: "kiwi-ng",
      linux_distribution: "sles15",
    });
    await service.put(`/v3/recipes/${recipe}/archive`, `archive ${n}`);
    if (n > 1) continue;
    await service.remove(`/v3/images/${id}`);
    await service.remove(`/v3/public-keys/${key}`);
    await service.remove(`/v3/recipes/${recipe}`);
  }
  const unlinked = await created("images", { name: "large" });
  await service.put(`/v3/images/${unlinked}/artifacts/rootfs`, new Uint8Array(large).fill(7));
  for (const _job of [1, 2]) {
    const id = await created("jobs", await jobRequest(service));
    await service.ims.reconciler.tick();
    await agentOf(service, id).log(0, `words of ${id}\n`);
    await logs.append(id, 2, 0, Buffer.from("second attempt\n"));
  }
  await service.post("/v3/remote-build-nodes", { xname: "x3000c0s1b0n0" });
  const created_at = "2026-01-02T03:04:05.678Z";
  await records.commit([
    {
      op: "insert",
      kind: "token",
      id: "t1",
      value: { id: "t1", created: created_at, name: "n", role: "admin", signature: "s" },
    },
    {
      op: "insert",
      kind: "node-state",
      id: "x3000c0s1b0n0",
      value: { id: "x3000c0s1b0n0", checked: created_at, unreachable: "no route" },
    },
    {
      op: "insert",
      kind: "upload-session",
      id: "u1",
      value: {
        id: "u1",
        created: created_at,
        expires_at: created_at,
        target: { of: "image", image: "gone", artifact: "rootfs" },
        part_size: 5_242_880,
        state: "expired",
        ended: created_at,
        storage: { bucket: buckets.images, key: "uploads/u1", handle: "h" },
      },
    },
    {
      op: "insert",
      kind: "object-journal",
      id: "j1",
      value: {
        id: "j1",
        created: created_at,
        steps: [{ do: "remove", at: { bucket: buckets.recipes, key: "gone" } }],
      },
    },
  ]);
}

/** An image with objects comes, goes into the trash, comes back or goes for good. */
export async function changeObjects({ buckets, ...ports }: StorePorts, round: number): Promise<void> {
  const service = createTestService({}, { ...ports, signer }, undefined, { buckets });
  const { id } = (await service.post("/v3/images", { name: `round ${round}` })).json;
  const link = await storeImage(ports.artifacts, id, buckets.images);
  await service.patch(`/v3/images/${id}`, { link });
  await service.remove(`/v3/images/${id}`);
  if (round % 2 === 0) await service.remove(`/v3/deleted/images/${id}`);
  else await service.patch(`/v3/deleted/images/${id}`, { operation: "undelete" });
}

/** All that a store holds, without what no backup keeps: versions, and when an object was written. */
export async function contentsOf({ records, artifacts, logs, buckets }: StorePorts) {
  const kinds: Record<string, unknown> = {};
  for (const kind of RECORD_KINDS)
    kinds[kind] = (await listStored(records, kind)).map(({ id, value }) => ({ id, value }));
  const objects = [];
  for (const bucket of Object.values(buckets))
    for await (const { modified: _modified, ...info } of artifacts.list(bucket, "")) {
      const body = await gathered((await artifacts.read(info))?.body);
      objects.push({ ...info, content: hexDigest("sha256", body ?? Buffer.alloc(0)) });
    }
  const texts: Record<string, unknown> = {};
  for await (const job of logs.list()) {
    const text = Buffer.concat(await Array.fromAsync(logs.read(job))).toString();
    texts[job] = { text, streams: await logs.streams(job) };
  }
  return { kinds, objects, logs: texts };
}

/** Runs `ims` with these words on a store. */
export async function ims(env: StoreEnv, ...words: string[]): Promise<{ exitCode: number; said: string[] }> {
  return await runInTest([exportCommand, importCommand, migrateCommand], words, {
    backups: createBackups(() => readConfig(env, "x64"), "1.2.3", process.stdout),
    migrate: createMigrate(env, "x64"),
  });
}

/** A backup of a store that is filled, with what it holds. */
export async function backup(name = "backup.tar", env?: StoreEnv) {
  const from = env ?? (await emptyStore());
  const contents = await withStore(from, async (ports) => {
    await fillStore(ports);
    return await contentsOf(ports);
  });
  const where = path.join(await scratchFolder(), name);
  const exported = await ims(from, "export", where);
  return { from, where, contents, exported };
}
