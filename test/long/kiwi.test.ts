import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { machineMirror } from "../../functions/cli/demo/mirror.ts";
import { packRecipe } from "../../functions/cli/demo/recipe-archive.ts";
import { watchAgents } from "../support/burst.ts";
import type { Json } from "../support/json.ts";
import { get, inStatusWithin, nothingLeft, postJob } from "../support/road.ts";
import { type ServiceProcess, startService } from "../support/service-process.ts";

const HOME = join(import.meta.dirname, "../..");
const run = createRunCommand({ env: plainEnvironment(process.env) });
const LIMIT_SECONDS = 3000;
const PARTS = ["rootfs", "kernel", "initrd"];
/** The machine's package database, which kiwi works with as if it were its own. */
const DPKG = "/var/lib/dpkg/status";

const digestOf = (file: string): string | undefined =>
  existsSync(file) ? createHash("sha256").update(readFileSync(file)).digest("hex") : undefined;

async function postBuild(service: ServiceProcess): Promise<string> {
  const archive = await packRecipe(join(HOME, "infra/recipes/debian-minimal"));
  const mirror = await machineMirror(run, AbortSignal.timeout(60_000));
  return await postJob(service, archive, { template_dictionary: [{ key: "DEBIAN_MIRROR", value: mirror }] });
}

async function expectWhole(service: ServiceProcess, id: string): Promise<void> {
  const job = await inStatusWithin(LIMIT_SECONDS, service, id, "success", "error");
  expect([job.status, job.error]).toEqual(["success", undefined]);
  const artifacts: Json[] = await get(service, `/v3/images/${job.resultant_image_id}/artifacts`);
  const sizes = new Map(artifacts.map(({ name, size }) => [name, size]));
  for (const part of PARTS) expect([part, sizes.get(part) > 1_000_000]).toEqual([part, true]);
  const { packages } = await get(service, `/v3/images/${job.resultant_image_id}/artifacts/packages`);
  expect(packages.map(({ name }: Json) => name)).toContain("systemd-sysv");
}

/** As root, with kiwi and the network: each of them takes minutes. */
describe("real kiwi builds at once on one machine", () => {
  it.each([
    [2, 2],
    [8, 2],
  ])("all make whole images and leave nothing: %d, of which %d may run", async (count, cap) => {
    const before = digestOf(DPKG);
    const service = await startService({ PATH: process.env["PATH"] ?? "", IMS_MAX_JOBS: String(cap) });
    const agents = watchAgents(service);
    const ids = await Promise.all(Array.from({ length: count }, () => postBuild(service)));
    await Promise.all(ids.map((id) => expectWhole(service, id)));
    expect(await agents.stop()).toBe(cap);
    await nothingLeft(service);
    expect([digestOf(DPKG), existsSync(`${DPKG}.kiwi`)]).toEqual([before, false]);
  });
});
