import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";

/** busybox-static's. */
const BUSYBOX = "/bin/busybox";
const NAME = "localhost/ims-agent:stand-in";
const FOLDERS = [
  "bin",
  "dev",
  "etc",
  "mnt",
  "opt",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "usr",
  "var",
  "var/tmp",
  "work",
];
const APPLETS = ["sh", "sleep", "setsid", "nohup", "env", "cat", "mkdir", "touch", "kill", "dd", "nc"];
const OF_MACHINE = ["bin", "lib", "lib64", "sbin"];

export interface StandInImage {
  readonly files: readonly { readonly path: string; readonly content: string | Buffer }[];
  /** Where its programs come from: busybox, or this machine's /usr, which whoever starts it has to mount. */
  readonly programs: "busybox" | "machine";
  readonly entrypoint: readonly string[];
  readonly path: string;
}

/** Writes a small container image as an OCI archive, for what is not about the real agent's. */
export async function writeStandInImage(file: string, image: StandInImage): Promise<void> {
  const layer = await layerOf(image);
  const config = json({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: image.entrypoint, Env: [`PATH=${image.path}`] },
    rootfs: { type: "layers", diff_ids: [digest(layer)] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
  });
  const annotations = { "org.opencontainers.image.ref.name": NAME };
  const named = { ...descriptor("application/vnd.oci.image.manifest.v1+json", manifest), annotations };
  const archive = pack();
  archive.entry({ name: "oci-layout" }, json({ imageLayoutVersion: "1.0.0" }));
  archive.entry({ name: "index.json" }, json({ schemaVersion: 2, manifests: [named] }));
  for (const blob of [layer, config, manifest])
    archive.entry({ name: `blobs/sha256/${digest(blob).slice("sha256:".length)}` }, blob);
  archive.finalize();
  await pipeline(archive, createWriteStream(file));
}

async function layerOf({ files, programs }: StandInImage): Promise<Buffer> {
  const layer = pack();
  const link = (name: string, linkname: string) => layer.entry({ name, type: "symlink", linkname });
  for (const name of FOLDERS)
    if (programs === "busybox" || !OF_MACHINE.includes(name))
      layer.entry({ name: `${name}/`, type: "directory", mode: name.endsWith("tmp") ? 0o1777 : 0o755 });
  if (programs === "busybox") {
    layer.entry({ name: "bin/busybox", mode: 0o755 }, await readFile(BUSYBOX));
    for (const name of APPLETS) link(`bin/${name}`, "busybox");
  } else for (const name of OF_MACHINE) link(name, `usr/${name}`);
  for (const { path, content } of files) layer.entry({ name: path, mode: 0o644 }, content);
  layer.finalize();
  return await buffer(layer);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digest(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function descriptor(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: digest(bytes), size: bytes.length };
}
