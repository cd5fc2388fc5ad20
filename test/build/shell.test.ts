import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:net";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { agentsOf, archiveBytes, get, nothingLeft, post, postJob, recipe } from "../support/road.ts";
import { startService, until } from "../support/service-process.ts";
import {
  artifactsOf,
  loggedIn,
  logOf,
  openTinyShell,
  over,
  shellJob,
  tinyImage,
} from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";

describe("a shell beside the image", () => {
  it("has the image, the original's environment and its own processes, and nothing of the service", async () => {
    const service = await startService();
    const { id, sh, sftp, scp, container } = await openTinyShell(service);
    expect(container).toMatchObject({ name: "customize", jail: false, status: "active" });
    expect(container.connection_info.customer_access).toEqual(container.connection_info["cluster.local"]);
    const environment = "echo $IMS_JOB_ID $IMS_ARCH $IMS_DKMS_ENABLED";
    const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
    expect(await sh(environment)).toEqual({ code: 0, out: `${id} ${arch} False\n` });
    expect((await sh("ls /mnt/image/image-root /mnt/image")).out).toContain("image-root");
    expect((await sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).out).not.toContain("agent/main.ts");
    expect((await sh(`cat ${service.data}/secret`)).code).not.toBe(0);
    const local = join(await scratchFolder(), "sent");
    writeFileSync(local, "sent");
    const root = "/mnt/image/image-root";
    expect(await sftp(`put ${local} ${root}/by-sftp\nls ${root}\n`)).toMatchObject({ code: 0 });
    expect(await scp(local, `${root}/by-scp`)).toMatchObject({ code: 0 });
    expect((await sh(`cat ${root}/by-sftp ${root}/by-scp`)).out).toBe("sentsent");
    expect((await sh("touch /mnt/image/complete")).code).toBe(0);
    await over(service, id);
    expect(readdirSync("/mnt")).not.toContain("image");
    await nothingLeft(service);
  });

  it("ends the job with no image when its user says that it failed", async () => {
    const service = await startService();
    const { id, image, sh } = await openTinyShell(service);
    const before = await artifactsOf(service, image.id);
    await sh("touch /mnt/image/failed");
    const job = await over(service, id);
    expect(job).toMatchObject({
      status: "error",
      resultant_image_id: null,
      error: { code: "user_failed", phase: "waiting_on_user" },
    });
    expect(job.ssh_containers[0].status).toBe("complete");
    expect((await get(service, "/v3/images")).map((one: { id: string }) => one.id)).toEqual([image.id]);
    expect(await artifactsOf(service, image.id)).toEqual(before);
    await nothingLeft(service);
  });

  it("kills what its user left running before packing, whatever that did to stay", async () => {
    const service = await startService();
    const { id, sh } = await openTinyShell(service);
    const daemon =
      "setsid nohup env -i sh -c 'trap \"\" TERM HUP; while :; do date > /mnt/image/image-root/date; sleep 0.1; done'";
    await sh(`(${daemon} >/dev/null 2>&1 &) ; touch /mnt/image/complete`);
    expect(await over(service, id)).toMatchObject({ status: "success" });
    await nothingLeft(service);
  });

  it("ends within seconds when the job is cancelled, with who is logged in", async () => {
    const service = await startService();
    const { id, sh } = await openTinyShell(service);
    const sleeping = sh("sleep 600");
    await post(service, `/v3/jobs/${id}/cancel`);
    expect((await sleeping).code).not.toBe(0);
    await nothingLeft(service);
  });

  it("outlives kill -9 of the service, which finds it again", async () => {
    const service = await startService();
    const { id, sh } = await openTinyShell(service);
    await service.end("SIGKILL");
    await service.start();
    await sh("touch /mnt/image/complete");
    expect(await over(service, id)).toMatchObject({ status: "success" });
  });

  it("goes with its agent when that is killed with -9", async () => {
    const service = await startService();
    const { id, sh } = await openTinyShell(service);
    for (const pid of agentsOf(id)) process.kill(pid, "SIGKILL");
    expect(await over(service, id)).toMatchObject({
      error: { code: "agent_lost", phase: "waiting_on_user" },
    });
    expect((await sh("true")).code).toBe(255);
    await nothingLeft(service);
  });

  it("ends the job when sshd is ended from inside", async () => {
    const service = await startService();
    const { id, sh } = await openTinyShell(service);
    await sh("kill 1");
    expect(await over(service, id)).toMatchObject({ error: { code: "shell_failed" } });
    await nothingLeft(service);
  });

  it("lets nobody else in, neither another key nor a password", async () => {
    const service = await startService();
    const { id, container } = await openTinyShell(service);
    const stranger = (await sshClient()).at(container.connection_info["cluster.local"]);
    expect(await stranger.sh("true")).toMatchObject({
      code: 255,
      out: expect.stringContaining("(publickey)"),
    });
    await post(service, `/v3/jobs/${id}/cancel`);
  });

  it("takes a port of the range that is free", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const taken = typeof address === "object" && address !== null ? address.port : 0;
    // Others may have some of them, too.
    const last = Math.min(taken + 20, 65_535);
    const service = await startService({ IMS_SHELL_PORTS: `${taken}-${last}` });
    const { id, container } = await openTinyShell(service);
    const { port } = container.connection_info["cluster.local"];
    expect(port).toBeGreaterThan(taken);
    expect(port).toBeLessThanOrEqual(last);
    await post(service, `/v3/jobs/${id}/cancel`);
  });
});

describe("a job whose shell cannot be", () => {
  it("ends before anything is fetched when sshd cannot use its key", async () => {
    const service = await startService();
    const image = await tinyImage(service);
    for (const key of ["this is no key", "ssh-ed25519 AAAA someone"]) {
      const { id } = await shellJob(service, { artifact_id: image.id }, key);
      const job = await over(service, id);
      expect(job.error).toMatchObject({ code: "public_key_unusable", phase: "fetching_image" });
      expect(await logOf(service, id)).not.toContain("Fetching");
    }
  });

  it("ends in an error that says so when a jail has nothing to log in to", async () => {
    const service = await startService();
    const image = await tinyImage(service);
    const { publicKey } = await sshClient();
    const request = { artifact_id: image.id, ssh_containers: [{ jail: true }] };
    const { id } = await shellJob(service, request, publicKey);
    const { error } = await over(service, id);
    expect(error).toMatchObject({ code: "shell_failed", hint: expect.stringContaining("unjailed") });
    await nothingLeft(service);
  });
});

describe("a key's text", () => {
  it("may have comments, several keys and options, as authorized_keys may", async () => {
    const service = await startService();
    const [first, second] = [await sshClient(), await sshClient()];
    const image = await tinyImage(service);
    const text = `# mine\n\n${first.publicKey}no-port-forwarding,environment="A=b" ${second.publicKey}`;
    const { id } = await shellJob(service, { artifact_id: image.id }, text);
    const { sh, container } = await loggedIn(service, id, second);
    expect((await sh("echo in")).out).toBe("in\n");
    const other = first.at(container.connection_info.customer_access);
    expect((await other.sh("echo in, too")).out).toBe("in, too\n");
    await post(service, `/v3/jobs/${id}/cancel`);
  });
});

describe("a create job with enable_debug whose build fails", () => {
  it("opens a shell on the build, and ends with the build's error however that ends", async () => {
    const service = await startService({ IMS_MAX_JOBS: "3" });
    const archive = await archiveBytes(recipe("fail"));
    const client = await sshClient();
    const key = await post(service, "/v3/public-keys", { name: "k", public_key: client.publicKey });
    const more = { enable_debug: true, public_key_id: key.id };
    const endings = [
      (sh: (command: string) => Promise<unknown>) => sh("touch /mnt/image/complete"),
      (sh: (command: string) => Promise<unknown>) => sh("touch /mnt/image/failed"),
      (_: unknown, id: string) => post(service, `/v3/jobs/${id}/cancel`),
    ];
    for (const end of endings) {
      const id = await postJob(service, archive, {}, more);
      const { container, sh, job } = await loggedIn(service, id, client);
      expect(container).toMatchObject({ name: "debug", jail: false, status: "active" });
      expect(job.error).toBeUndefined();
      expect((await sh("ls /mnt/image")).out).toContain("image-root");
      await end(sh, id);
      const { error, ssh_containers } = await over(service, id);
      expect(error).toMatchObject({ code: "build_failed", phase: "building_image", exit_code: 3 });
      expect(error.log_tail.join("\n")).toContain("told to fail");
      expect(ssh_containers[0].status).toBe("complete");
    }
    await nothingLeft(service);
  });

  it("says in its log why there is no shell when its key cannot be used, and fails as the build did", async () => {
    const service = await startService();
    const id = await postJob(service, await archiveBytes(recipe("fail")), {}, { enable_debug: true });
    expect((await over(service, id)).error).toMatchObject({ code: "build_failed", phase: "building_image" });
    expect(await logOf(service, id)).toMatch(/There is no shell .*public key cannot be used/u);
  });
});

describe("this machine", () => {
  it("has no sshd of a job after all that", async () => {
    const found = await until("no sshd of a job runs", async () => {
      const list = execFileSync("ps", ["ax", "-o", "args"], { encoding: "utf8" });
      return list.includes("/shell/sshd_config") ? undefined : "none";
    });
    expect(found).toBe("none");
  });
});
