import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildNode } from "../../infra/build-node/build-node.ts";
import { nodeScratch } from "../../infra/build-node/build-node.ts";
import { writeStandInImage } from "../../infra/build-node/stand-in-image.ts";
import { bundle } from "../../infra/bundle/bundle.ts";
import { post } from "./road.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

const STAND_INS = join(import.meta.dirname, "../fixtures/stand-ins");
const SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin";

/** The real agent in a container that has this machine's programs, with stand-ins for kiwi and mksquashfs before them or not. */
export interface QuickAgent {
  readonly folder: string;
  env(stand: "stand-ins" | "real tools"): Record<string, string>;
  remove(): Promise<void>;
}

/** Made once for a file of tests: seconds, where the agent's own image takes minutes. */
export async function quickAgent(): Promise<QuickAgent> {
  const folder = await nodeScratch();
  await bundle(join(folder, "dist"), [{ folder: "", entries: { agent: "functions/agent/main.ts" } }]);
  await copyFile(process.execPath, join(folder, "node"));
  for (const name of ["kiwi-ng", "mksquashfs", "packer"])
    await copyFile(join(STAND_INS, name), join(folder, name));
  const images = { "stand-ins": `/opt/ims:${SYSTEM}`, "real tools": SYSTEM };
  for (const [name, path] of Object.entries(images))
    await writeStandInImage(join(folder, `${name}.tar`), {
      files: [],
      programs: "machine",
      entrypoint: ["/opt/ims/node", "/opt/ims/dist/agent.mjs"],
      path,
    });
  const mounts = [`${folder}:/opt/ims:ro`, "/usr:/usr:ro", "/etc:/etc:ro"];
  return {
    folder,
    env: (stand) => ({
      IMS_SSH_IMAGE: join(folder, `${stand}.tar`),
      IMS_SSH_PODMAN_OPTIONS: mounts.map((mount) => `--volume ${mount}`).join(" "),
    }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The real service with jobs on these nodes, which are registered by their addresses. */
export async function serviceOn(
  nodes: readonly BuildNode[],
  agent: Record<string, string>,
  env: Record<string, string> = {},
): Promise<ServiceProcess> {
  const service = await startService({
    IMS_JOBS: "ssh",
    DEFAULT_IMS_IMAGE_SIZE: "1",
    DEFAULT_IMS_JOB_MEM_SIZE: "1",
    IMS_SSH_KEY_FILE: nodes[0]?.keyFile ?? "",
    ...agent,
    ...env,
  });
  for (const node of nodes) await post(service, "/v3/remote-build-nodes", { xname: node.address });
  return service;
}
