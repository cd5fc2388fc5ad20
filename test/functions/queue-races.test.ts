import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createMemoryUploads } from "../../adapters/artifacts/memory-uploads.ts";
import { createMemoryArtifacts } from "../../adapters/artifacts/memory.ts";
import { createSystemClock } from "../../adapters/clock/system.ts";
import { createSystemIds } from "../../adapters/ids/system.ts";
import { createMemoryJobLogs } from "../../adapters/job-logs/memory.ts";
import { createSqliteRecords } from "../../adapters/records/sqlite.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import { createIms, type Ims } from "../../core/ims.ts";
import type { JobRequest } from "../../core/jobs/new-job.ts";
import type { Ports } from "../../core/ports/index.ts";
import type { Records } from "../../core/ports/records.ts";
import { store } from "../support/images.ts";
import { createScriptedRunner } from "../support/runner.ts";
import { testSettings } from "../support/settings.ts";

const CAP = 3;

/** Several services on one store file and one runner, each with its own connection, as processes would have. */
async function services(count: number) {
  const folder = await mkdtemp(path.join(tmpdir(), "queue-"));
  const clock = createSystemClock();
  const signer = createHmacSigner(new Uint8Array(32).fill(7));
  const signing = { signer, clock, publicUrl: () => "http://localhost" };
  const artifacts = createMemoryArtifacts(signing);
  const runner = createScriptedRunner();
  const shared = {
    artifacts,
    uploads: createMemoryUploads({ ...signing, artifacts }),
    logs: createMemoryJobLogs(),
    runners: [runner],
    clock,
    ids: createSystemIds(),
    signer,
    telemetry: { emit: () => undefined },
  };
  const stores: Records[] = [];
  onTestFinished(async () => {
    for (const records of stores) await records.close();
    await rm(folder, { recursive: true });
  });
  const start = async (): Promise<Ims> => {
    const records = await createSqliteRecords({ path: path.join(folder, "records.sqlite") });
    stores.push(records);
    const ports: Ports = { ...shared, records };
    return createIms(ports, testSettings({ maxRunning: CAP }));
  };
  const all: Ims[] = [];
  for (let n = 0; n < count; n += 1) all.push(await start());
  return { all, start, runner, ...shared };
}

async function requestFor(ims: Ims, artifacts: Ports["artifacts"]): Promise<JobRequest> {
  const key = await ims.publicKeys.create({ name: "k", public_key: "ssh-ed25519 A" });
  const id = randomUUID();
  await store(artifacts, "ims", `recipes/${id}/recipe.tar.gz`, "archive");
  const recipe = await ims.recipes.create({
    name: "r",
    recipe_type: "kiwi-ng",
    linux_distribution: "sles15",
    link: { type: "s3", path: `s3://ims/recipes/${id}/recipe.tar.gz` },
    template_dictionary: [],
    require_dkms: false,
    arch: "x86_64",
  });
  return {
    job_type: "create",
    artifact_id: recipe.id,
    public_key_id: key.id,
    image_root_archive_name: "image",
  };
}

describe("many callers on several services with one store", () => {
  it("never have more jobs running than the cap, and every job has its turn exactly once", async () => {
    const { all, start, artifacts, runner } = await services(2);
    const [first] = all;
    if (first === undefined) return;
    const request = await requestFor(first, artifacts);
    let most = 0;
    const launch = runner.launch.bind(runner);
    runner.launch = async (order) => {
      await launch(order);
      most = Math.max(most, runner.presence.size);
    };
    const posted = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => (await all[n % 2]?.jobs.create(request))?.id),
    );
    const ticking = [...all, await start()];
    for (let round = 0; round < 200 && runner.launched.length < posted.length; round += 1) {
      await Promise.all(ticking.map((ims) => ims.reconciler.tick()));
      const [running] = [...runner.presence.keys()];
      if (running !== undefined) await Promise.all(ticking.map((ims) => ims.jobs.cancel(running)));
    }
    expect(most).toBe(CAP);
    expect(runner.launched.map(({ jobId }) => jobId).toSorted()).toEqual(posted.map(String).toSorted());
    expect(runner.launched.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it("find the queue as it was after a restart", async () => {
    const { all, start, artifacts } = await services(1);
    const [first] = all;
    if (first === undefined) return;
    const request = await requestFor(first, artifacts);
    for (let n = 0; n < 6; n += 1) await first.jobs.create(request);
    const before = (await first.jobs.list()).map(({ id, queue }) => ({ id, queue }));
    const again = await start();
    expect((await again.jobs.list()).map(({ id, queue }) => ({ id, queue }))).toEqual(before);
    expect(before.map(({ queue }) => queue?.position)).toEqual([undefined, undefined, undefined, 1, 2, 3]);
  });
});
