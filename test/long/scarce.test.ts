import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findJobGroups } from "../../adapters/cgroups/job-groups.ts";
import { scratchFolder } from "../support/archives.ts";
import type { Json } from "../support/json.ts";
import { program } from "../support/programs.ts";
import { archiveBytes, inStatusWithin, post, postJob, recipe } from "../support/road.ts";
import { type ServiceProcess, startService, until } from "../support/service-process.ts";
import { shellJob } from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";

const MKSQUASHFS = "/usr/bin/mksquashfs";
const canLimitMemory = (await findJobGroups()).lacks.length === 0;

/** A loop file system of its own on that folder. */
async function smallDisk(folder: string, megabytes: number): Promise<void> {
  const file = join(await mkdtemp(join(tmpdir(), "ims-disk-")), "disk");
  mkdirSync(folder, { recursive: true });
  execFileSync("truncate", ["--size", `${megabytes}M`, file]);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", file]);
  execFileSync("mount", ["-o", "loop", file, folder]);
  await rm(join(folder, "lost+found"), { recursive: true });
  onTestFinished(async () => {
    execFileSync("umount", ["--lazy", folder]);
    await rm(join(file, ".."), { recursive: true });
  });
}

/** A stand-in for packer whose image root has so many megabytes that do not shrink, if the recipe says "large". */
async function packerOf(megabytes: number): Promise<string> {
  const text = `
[ "\${1:-}" = version ] && { echo "Packer v1.9.5"; exit 0; }
root=$IMS_OUTPUT/image-root
mkdir -p "$root/boot"; echo kernel > "$root/boot/vmlinuz"; echo initrd > "$root/boot/initrd"
[ "$(cat behave)" = large ] || exit 0
dd if=/dev/urandom of="$root/large" bs=1M count=${megabytes} 2>/dev/null`;
  return await program(await scratchFolder(), "packer", text);
}

/** One job at a time: the next one begins when all of the last is gone. */
const started = async (megabytes: number, env: Record<string, string> = {}) =>
  await startService({
    IMS_PACKER: await packerOf(megabytes),
    IMS_MKSQUASHFS: MKSQUASHFS,
    IMS_MAX_JOBS: "1",
    ...env,
  });

async function creating(
  service: ServiceProcess,
  behave: "large" | "small",
  more: object = {},
): Promise<Json> {
  const archive = await archiveBytes([{ name: "a.pkr.hcl" }, { name: "behave", content: behave }]);
  return await ended(service, await postJob(service, archive, { recipe_type: "packer" }, more));
}

const ended = (service: ServiceProcess, id: string): Promise<Json> =>
  inStatusWithin(900, service, id, "success", "error");

/** But for the disk itself, which is mounted there. */
async function onlyTheDiskIsLeft(service: ServiceProcess, disks = 1): Promise<void> {
  await until("nothing but the disk is left", async () => {
    const { mounts, ...left } = await service.leftovers();
    return Object.values(left).flat().length === 0 && mounts.length === disks ? true : undefined;
  });
}

async function worksAgain(service: ServiceProcess): Promise<void> {
  expect(await creating(service, "small")).toMatchObject({ status: "success" });
  await onlyTheDiskIsLeft(service);
}

/** An image of zeros, which is small until it is unpacked. */
async function customizing(service: ServiceProcess, megabytes: number): Promise<Json> {
  const root = join(await scratchFolder(), "root");
  mkdirSync(root);
  execFileSync("dd", ["if=/dev/zero", `of=${root}/zero`, "bs=1M", `count=${megabytes}`], { stdio: "ignore" });
  execFileSync(MKSQUASHFS, [root, `${root}.squashfs`, "-quiet", "-no-progress"]);
  const rootfs = new Uint8Array(execFileSync("cat", [`${root}.squashfs`]));
  const image = await post(service, "/v3/images", { name: "zeros" });
  for (const [name, body] of [
    ["rootfs", rootfs],
    ["kernel", Buffer.from("kernel")],
  ] as const)
    await service.fetch(`/v3/images/${image.id}/artifacts/${name}`, { method: "PUT", body });
  await post(service, `/v3/images/${image.id}/manifest`);
  const { id } = await shellJob(service, { artifact_id: image.id }, (await sshClient()).publicKey);
  return await ended(service, id);
}

describe("a disk that is full", () => {
  it("is told when it is met while an image is unpacked, and the next job has its room", async () => {
    const service = await started(1);
    await smallDisk(join(service.data, "work"), 24);
    const { error } = await customizing(service, 64);
    expect(error).toMatchObject({ code: "disk_full", phase: "fetching_image" });
    await worksAgain(service);
  });

  it("is told when it is met while an image is packed, and the next job has its room", async () => {
    const service = await started(15);
    await smallDisk(join(service.data, "work"), 26);
    const { error } = await creating(service, "large");
    expect(error).toMatchObject({ code: "disk_full", phase: "packaging_artifacts" });
    await worksAgain(service);
  });

  it("is told when it is the store's, while an image is uploaded, and the next job has its room", async () => {
    const service = await started(20);
    await smallDisk(join(service.data, "artifacts"), 16);
    const { error } = await creating(service, "large");
    expect(error).toMatchObject({ code: "upload_failed", phase: "packaging_artifacts" });
    expect(error.hint).toContain("storage is full");
    await worksAgain(service);
  });

  it("does not keep the service from ending the job when its records lie on the same disk", async () => {
    const data = await mkdtemp(join(tmpdir(), "ims-service-"));
    onTestFinished(() => rm(data, { recursive: true, force: true }));
    await smallDisk(data, 48);
    const service = await started(100, { IMS_DATA: data });
    const { error } = await creating(service, "large");
    expect(error.code).toMatch(/^(?:disk_full|build_failed)$/u);
    await worksAgain(service);
  });
});

describe.runIf(canLimitMemory)("a job that asked for one gibibyte of memory", () => {
  it("is told when packing took more", async () => {
    const eat = `case \${1:-} in -version) exec ${MKSQUASHFS} "$@" ;; esac; exec dd if=/dev/zero of=/dev/null bs=2000M count=1`;
    const IMS_MKSQUASHFS = await program(await scratchFolder(), "mksquashfs", eat);
    const service = await started(1, { IMS_MKSQUASHFS });
    const { error } = await creating(service, "small", { job_mem_size: 1 });
    expect(error).toMatchObject({ code: "oom_killed", phase: "packaging_artifacts" });
    expect(error.hint).toContain("job_mem_size 2");
  });

  it("is told when the build took more", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("eat")), {}, { job_mem_size: 1 });
    const { error } = await ended(service, id);
    expect(error).toMatchObject({ code: "oom_killed", phase: "building_image" });
  });

  it("packs an image of one and a half with that", async () => {
    const service = await started(1500, { IMS_SQUASHFS_LEVEL: "15" });
    const { status, error } = await creating(service, "large", { job_mem_size: 1 });
    expect([status, error]).toEqual(["success", undefined]);
  });
});
