import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { scratchFolder } from "../archives.ts";
import type { Json } from "../json.ts";
import { post } from "../road.ts";
import type { ServiceProcess } from "../service-process.ts";

const PROGRAMS = ["sh", "touch", "sleep", "setsid", "nohup", "env", "mount", "mkdir", "rm", "cat"];

/** A program of this machine with the libraries it needs, at the same places. */
function copyProgram(name: string, root: string): void {
  const path = execFileSync("which", [name], { encoding: "utf8" }).trim();
  const libraries = execFileSync("ldd", [path], { encoding: "utf8" }).match(/\/\S+/gu) ?? [];
  for (const file of [path, ...libraries]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
}

export interface ImageFiles {
  readonly rootfs: Uint8Array<ArrayBuffer>;
  readonly kernel: Uint8Array<ArrayBuffer>;
  readonly initrd: Uint8Array<ArrayBuffer>;
}

/** An image of a few of this machine's programs, made in a second, that can be logged in to. */
export async function smallImage(): Promise<ImageFiles> {
  const folder = await scratchFolder();
  const root = join(folder, "root");
  for (const name of ["usr/bin", "usr/lib", "usr/lib64", "boot", "etc", "tmp", "root", "dev", "proc"])
    mkdirSync(join(root, name), { recursive: true });
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  for (const name of PROGRAMS) copyProgram(name, root);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "boot/vmlinuz"), "kernel\n");
  writeFileSync(join(root, "boot/initrd"), "initrd\n");
  writeFileSync(join(root, "boot/kernel-parameters"), "quiet\n");
  const rootfs = join(folder, "rootfs");
  execFileSync("/usr/bin/mksquashfs", [root, rootfs, "-quiet", "-no-progress", "-comp", "gzip"]);
  const part = (name: string) => new Uint8Array(readFileSync(name));
  return {
    rootfs: part(rootfs),
    kernel: part(join(root, "boot/vmlinuz")),
    initrd: part(join(root, "boot/initrd")),
  };
}

/** Stores it as an image of the service; answers the record. */
export async function storeSmallImage(service: ServiceProcess, files: ImageFiles): Promise<Json> {
  const image = await post(service, "/v3/images", { name: "small" });
  for (const name of ["rootfs", "kernel", "initrd"] as const) {
    const path = `/v3/images/${image.id}/artifacts/${name}`;
    const { ok } = await service.fetch(path, { method: "PUT", body: files[name] });
    if (!ok) throw new Error(`The ${name} was not taken.`);
  }
  return await post(service, `/v3/images/${image.id}/manifest`);
}
