import { copyFile, rm } from "node:fs/promises";
import path from "node:path";
import { bundle } from "../bundle/bundle.ts";
import { nodeScratch } from "./build-node.ts";
import { writeStandInImage } from "./stand-in-image.ts";

const SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin";

/** The real agent in a container that has this machine's programs, with stand-ins for some of them before them or not. */
export interface QuickAgent {
  readonly folder: string;
  /** Words for `podman run` that bring the programs in. */
  readonly mounts: readonly string[];
  /** For the service. */
  env(stand: "stand-ins" | "real tools"): Record<string, string>;
  remove(): Promise<void>;
}

/** Made in seconds, where the agent's own image takes minutes. `standIns`: files, by the names of the programs. */
export async function quickAgent(standIns: readonly string[]): Promise<QuickAgent> {
  const folder = await nodeScratch();
  await bundle(path.join(folder, "dist"), [{ folder: "", entries: { agent: "functions/agent/main.ts" } }]);
  await copyFile(process.execPath, path.join(folder, "node"));
  for (const file of standIns) await copyFile(file, path.join(folder, path.basename(file)));
  const images = { "stand-ins": `/opt/ims:${SYSTEM}`, "real tools": SYSTEM };
  for (const [name, searched] of Object.entries(images))
    await writeStandInImage(path.join(folder, `${name}.tar`), {
      files: [],
      programs: "machine",
      entrypoint: ["/opt/ims/node", "/opt/ims/dist/agent.mjs"],
      path: searched,
    });
  const volumes = [`${folder}:/opt/ims:ro`, "/usr:/usr:ro", "/etc:/etc:ro"];
  const mounts = volumes.flatMap((volume) => ["--volume", volume]);
  return {
    folder,
    mounts,
    env: (stand) => ({
      IMS_SSH_IMAGE: path.join(folder, `${stand}.tar`),
      IMS_SSH_PODMAN_OPTIONS: mounts.join(" "),
    }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
