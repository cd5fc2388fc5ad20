import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { scratchFolder } from "../support/archives.ts";
import type { Json } from "../support/json.ts";
import { get, inStatusWithin, nothingLeft } from "../support/road.ts";
import { type ServiceProcess, startService } from "../support/service-process.ts";
import { artifactsOf, loggedIn, logOf, shellJob } from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";

/** The tests of this file share one image, in their order: the demo builds it, then it is customized. */
const home = join(import.meta.dirname, "../..");
const LIMIT_MS = 25 * 60_000;
const run = createRunCommand({ env: plainEnvironment(process.env), grace: 120_000 });
let data = "";

beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), "ims-life-"));
});
afterAll(() => rmSync(data, { recursive: true, force: true }));

async function node(program: string, ...args: readonly string[]) {
  const lines: string[] = [];
  const { exitCode } = await run({
    file: process.execPath,
    args: [join(home, program), ...args],
    onLine: (line) => lines.push(line),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  return { exitCode, text: lines.join("\n"), tail: exitCode === 0 ? "" : lines.slice(-80).join("\n") };
}

/** A service with the real tools on the demo's data, and the image that the demo made. */
async function startOnDemo(): Promise<{ service: ServiceProcess; image: Json }> {
  const service = await startService({ IMS_DATA: data, PATH: process.env["PATH"] ?? "" });
  const [image] = (await get(service, "/v3/images")).filter(({ name }: Json) => name === "debian-minimal");
  return { service, image };
}

async function download(service: ServiceProcess, imageId: string, name: string, folder: string) {
  const file = join(folder, name);
  const answer = await service.fetch(`/v3/images/${imageId}/artifacts/${name}`);
  writeFileSync(file, new Uint8Array(await answer.arrayBuffer()));
  return file;
}

const unsquash = (...args: readonly string[]) =>
  execFileSync("unsquashfs", args, { encoding: "utf8", maxBuffer: 2 ** 28 });

/** Names, types, modes, owners and sizes of everything in a squashfs. */
const listing = (file: string): readonly string[] =>
  unsquash("-lln", file)
    .split("\n")
    .map((line) => line.replace(/ \d{4}-\d\d-\d\d \d\d:\d\d /u, " "));

const succeeded = (service: ServiceProcess, id: string) =>
  inStatusWithin(900, service, id, "success", "error");

describe("an image from its recipe to a changed one", () => {
  it("is built by the demo from the sample recipe, checked and booted to its greeting", async () => {
    const { exitCode, text, tail } = await node("functions/cli/main.ts", "demo", "--data", data, "--boot");
    expect([exitCode, tail]).toEqual([0, ""]);
    for (const status of ["building_image", "packaging_artifacts", "success"])
      expect(text).toMatch(new RegExp(`^\\[\\d+:\\d\\d\\] ${status}$`, "mu"));
    expect(text).toMatch(/^ {2}rootfs +\d+\.\d MiB {2}md5 {4}[0-9a-f]{32}$/mu);
    expect(text).toMatch(/^The image greeted: IMS-BOOT-OK debian-minimal \S+/mu);
  });

  it("is changed in a jail over ssh, sftp and scp as CFS does it, and boots with the changes", async () => {
    const { service, image } = await startOnDemo();
    const before = await artifactsOf(service, image.id);
    const client = await sshClient();
    const request = { artifact_id: image.id, ssh_containers: [{ name: "session", jail: true }] };
    const { id, public_key_id } = await shellJob(service, request, client.publicKey);
    const { sh, sftp, scp, container } = await loggedIn(service, id, client, 300);
    expect(container).toMatchObject({ name: "session", jail: true, status: "active" });
    // as soon as it can log in
    expect((await service.fetch(`/public-keys/${public_key_id}`, { method: "DELETE" })).status).toBe(204);

    expect(await sh("echo ~root && sleep 0")).toEqual({ code: 0, out: "/root\n" });
    expect((await sh("exit 7")).code).toBe(7);
    expect((await sh("tty", "-tt")).out).toMatch(/^\/dev\/pts\/\d+/u);
    expect((await sh("locale -a >/dev/null; TERM=xterm ls /", "-tt")).code).toBe(0);
    const several = await Promise.all(Array.from({ length: 8 }, (_, n) => sh(`echo ${n}`)));
    expect(several.map(({ out }) => out.trim())).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    expect((await sh("ls -d /proc/1 /sys/kernel /dev/null /dev/shm /run/lock")).code).toBe(0);
    expect((await sh("touch /sys/kernel/mine")).code).not.toBe(0);

    const local = join(await scratchFolder(), "sent");
    writeFileSync(local, "by sftp\n");
    expect(await sftp(`put ${local} /opt/by-sftp\nls /opt\n`)).toMatchObject({ code: 0 });
    expect(await scp(local, "/opt/by-scp")).toMatchObject({ code: 0 });
    const install = "apt-get -q update && apt-get -q install -y --no-install-recommends hello && hello";
    const installed = await sh(install);
    expect(installed).toMatchObject({ code: 0, out: expect.stringContaining("Hello, world!") });
    await sh(
      "echo changed-by-ssh > /etc/hostname; (setsid sleep 600 >/dev/null 2>&1 &); touch /tmp/complete",
    );

    const job = await succeeded(service, id);
    expect([job.status, job.error]).toEqual(["success", undefined]);
    expect(job.progress.phases.map(({ status }: Json) => status)).toEqual([
      "creating",
      "fetching_image",
      "waiting_on_user",
      "packaging_artifacts",
    ]);
    expect(job.ssh_containers[0].status).toBe("complete");
    expect(await artifactsOf(service, image.id)).toEqual(before);
    const folder = await scratchFolder();
    const files = [];
    for (const name of ["rootfs", "kernel", "initrd"])
      files.push(`--${name}`, await download(service, job.resultant_image_id, name, folder));
    const [, rootfs = ""] = files;
    const names = unsquash("-l", rootfs);
    expect(names).toContain("/usr/bin/hello\n");
    expect(names).not.toContain("/tmp/complete");
    expect(unsquash("-cat", rootfs, "opt/by-sftp", "opt/by-scp")).toBe("by sftp\nby sftp\n");
    await nothingLeft(service);
    const log = join(folder, "boot.log");
    const greeting = "IMS-BOOT-OK changed-by-ssh";
    const boot = [...files, "--log", log, "--limit", "600", "--greeting", greeting];
    expect([(await node("infra/boot/boot.ts", ...boot)).tail]).toEqual([""]);
    expect(readFileSync(log, "utf8")).toContain(greeting);
  });

  it("stays what it is when nothing is changed, file by file", async () => {
    const { service, image } = await startOnDemo();
    const client = await sshClient();
    const { id } = await shellJob(service, { artifact_id: image.id, require_dkms: true }, client.publicKey);
    const { sh } = await loggedIn(service, id, client, 300);
    const place = "/mnt/image/image-root";
    expect(
      (await sh(`chroot ${place} /bin/sh -c 'echo $IMS_DKMS_ENABLED; ls -d /dev/mem* /dev/kmsg'`)).out,
    ).toMatch(/^True\n[^]*\/dev\/kmsg\n/u);
    expect((await sh(`cmp /etc/resolv.conf ${place}/etc/resolv.conf`)).code).toBe(0);
    await sh("touch /mnt/image/complete");
    const job = await succeeded(service, id);
    expect([job.status, job.error, await logOf(service, id)]).toEqual([
      "success",
      undefined,
      expect.anything(),
    ]);
    const folder = await scratchFolder();
    const after = await download(service, job.resultant_image_id, "rootfs", folder);
    const base = await download(service, image.id, "rootfs", await scratchFolder());
    expect(listing(after)).toEqual(listing(base));
    await nothingLeft(service);
  });
});
