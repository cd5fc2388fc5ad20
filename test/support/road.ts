import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import { type ArchiveEntry, tarBytes } from "./archives.ts";
import type { Json } from "./json.ts";
import { processesWith, type ServiceProcess, until } from "./service-process.ts";

const CONFIG =
  '<image schemaversion="7.4" name="tiny"><preferences><packagemanager>apt</packagemanager><type image="tbz"/></preferences></image>';

export const recipe = (behave = ""): ArchiveEntry[] => [
  { name: "config.xml", content: CONFIG },
  { name: "behave", content: behave },
];

export const archiveBytes = async (entries: readonly ArchiveEntry[]) => gzipSync(await tarBytes(entries));

async function json(response: Promise<Response>): Promise<Json> {
  const answer = await response;
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}

export const post = (service: ServiceProcess, path: string, body?: object) =>
  json(
    service.fetch(path, {
      method: "POST",
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    }),
  );

export const get = (service: ServiceProcess, path: string) => json(service.fetch(path));

/** Uploads a recipe, a kiwi-ng one unless told otherwise, and posts a job for it. */
export async function postJob(
  service: ServiceProcess,
  archive: Uint8Array<ArrayBuffer>,
  recipe: object = {},
  more: object = {},
): Promise<string> {
  const key = await post(service, "/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" });
  const wanted = {
    name: "r",
    recipe_type: "kiwi-ng",
    linux_distribution: "sles15",
    require_dkms: false,
    ...recipe,
  };
  const { id } = await post(service, "/v3/recipes", wanted);
  await json(service.fetch(`/v3/recipes/${id}/archive`, { method: "PUT", body: archive }));
  const request = {
    job_type: "create",
    artifact_id: id,
    public_key_id: key.id,
    image_root_archive_name: "tiny",
    ...more,
  };
  return (await post(service, "/v3/jobs", request)).id;
}

export const inStatus = (service: ServiceProcess, id: string, ...statuses: string[]) =>
  inStatusWithin(30, service, id, ...statuses);

/** The same, for work that takes so many seconds at most. */
export const inStatusWithin = (
  seconds: number,
  service: ServiceProcess,
  id: string,
  ...statuses: string[]
): Promise<Json> =>
  until(
    `job is ${statuses.join(" or ")}`,
    async () => {
      const job = await get(service, `/v3/jobs/${id}`);
      return statuses.includes(job.status) ? job : undefined;
    },
    seconds,
  );
export const ended = (service: ServiceProcess, id: string) => inStatus(service, id, "success", "error");

/** Every process, folder and mount of finished jobs goes. */
export async function nothingLeft(service: ServiceProcess): Promise<void> {
  const none = { processes: [], folders: [], loopDevices: [], groups: [], mounts: [] };
  const last = await until("nothing is left", async () => {
    const left = await service.leftovers();
    return JSON.stringify(left) === JSON.stringify(none) ? left : undefined;
  }).catch(() => service.leftovers());
  expect(last).toEqual(none);
}

export async function expectImage(service: ServiceProcess, imageId: string): Promise<void> {
  const artifacts = await get(service, `/v3/images/${imageId}/artifacts`);
  expect(artifacts.map(({ name }: { name: string }) => name)).toEqual([
    "rootfs",
    "kernel",
    "initrd",
    "boot_parameters",
    "manifest",
  ]);
  const kernel = await service.fetch(`/v3/images/${imageId}/artifacts/kernel`);
  expect(await kernel.text()).toBe("kernel\n");
}

export const agentsOf = (jobId: string) => {
  const agents = processesWith("agent/main.ts");
  return processesWith(`IMS_JOB_ID=${jobId}`).filter((pid) => agents.includes(pid));
};
