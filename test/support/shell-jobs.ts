import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchFolder } from "./archives.ts";
import type { Json } from "./json.ts";
import { get, inStatusWithin, post } from "./road.ts";
import type { ServiceProcess } from "./service-process.ts";
import { type SshClient, sshClient } from "./ssh.ts";

/** An image that is just large enough to be customized from beside it: it has nothing to log in to. */
export async function tinyImage(service: ServiceProcess): Promise<Json> {
  const folder = await scratchFolder();
  const root = join(folder, "root");
  for (const name of ["boot", "etc", "tmp"]) mkdirSync(join(root, name), { recursive: true });
  for (const name of ["kernel", "initrd"]) writeFileSync(join(folder, name), name);
  writeFileSync(join(root, "boot/vmlinuz"), "kernel\n");
  writeFileSync(join(root, "boot/initrd"), "initrd\n");
  writeFileSync(join(root, "etc/resolv.conf"), "nameserver 192.0.2.1\n");
  execFileSync("/usr/bin/mksquashfs", [root, join(folder, "rootfs"), "-quiet", "-no-progress"]);
  const image = await post(service, "/v3/images", { name: "tiny" });
  for (const name of ["rootfs", "kernel", "initrd"]) {
    const body = readFileSync(join(folder, name));
    const path = `/v3/images/${image.id}/artifacts/${name}`;
    const { ok } = await service.fetch(path, { method: "PUT", body });
    if (!ok) throw new Error(`The ${name} was not taken.`);
  }
  return await post(service, `/v3/images/${image.id}/manifest`);
}

/** Posts a job with a key of its own. */
export async function shellJob(service: ServiceProcess, request: object, publicKey: string): Promise<Json> {
  const key = await post(service, "/v3/public-keys", { name: "k", public_key: publicKey });
  return await post(service, "/v3/jobs", {
    job_type: "customize",
    public_key_id: key.id,
    image_root_archive_name: "changed",
    require_dkms: false,
    ...request,
  });
}

/** Waits for the job's shell, and connects to where its record says at that very moment. */
export async function loggedIn(service: ServiceProcess, id: string, client: SshClient, seconds = 120) {
  const job = await inStatusWithin(seconds, service, id, "waiting_on_user", "error", "success");
  if (job.status !== "waiting_on_user") throw new Error(`No shell: ${JSON.stringify(job.error)}`);
  const [container] = job.ssh_containers;
  return { job, container, ...client.at(container.connection_info["cluster.local"]) };
}

/** A customize job of a tiny image with its shell open, unjailed. */
export async function openTinyShell(service: ServiceProcess, request: object = {}) {
  const client = await sshClient();
  const image = await tinyImage(service);
  const { id } = await shellJob(service, { artifact_id: image.id, ...request }, client.publicKey);
  return { id, image, ...(await loggedIn(service, id, client)) };
}

/** Waits for the end of a job, on a machine that may have other things to do. */
export const over = (service: ServiceProcess, id: string): Promise<Json> =>
  inStatusWithin(180, service, id, "success", "error");

export const logOf = async (service: ServiceProcess, id: string): Promise<string> =>
  await (await service.fetch(`/v3/jobs/${id}/log`)).text();

export const artifactsOf = (service: ServiceProcess, imageId: string): Promise<Json> =>
  get(service, `/v3/images/${imageId}/artifacts`);
