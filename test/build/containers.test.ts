import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { machineMirror } from "../../functions/cli/demo/mirror.ts";
import { VERSION } from "../../functions/runtime/version.ts";
import { bundle } from "../../infra/bundle/bundle.ts";
import { scratchFolder } from "../support/archives.ts";
import { containerImage } from "../support/container-image.ts";
import { container } from "../support/podman.ts";
import { archiveBytes, get, inStatusWithin, nothingLeft, post, postJob } from "../support/road.ts";
import { type ServiceProcess, startService, until } from "../support/service-process.ts";
import { loggedIn, logOf, over, shellJob } from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";
import { freePort } from "../../adapters/process/free-port.ts";

const MIB = 1024 ** 2;
/** What builds do that needs more than a container has by itself: mounts, chroot and namespaces, and device files. */
const CAPABILITIES = ["SYS_ADMIN", "MKNOD"];

/** The smallest that kiwi can build with apt, with stand-ins for kernel and initrd. */
const tinyRecipe = (mirror: string) => [
  {
    name: "config.xml",
    content: `<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="7.4" name="tiny">
  <description type="system">
    <author>a</author><contact>a@example.invalid</contact><specification>smallest</specification>
  </description>
  <preferences><version>1.0.0</version><packagemanager>apt</packagemanager><type image="tbz"/></preferences>
  <users><user password="*" home="/root" name="root" groups="root"/></users>
  <repository alias="debian" distribution="bookworm" components="main" use_for_bootstrap="true" repository_gpgcheck="false">
    <source path="${mirror}"/>
  </repository>
  <packages type="image"><package name="busybox-static"/></packages>
  <packages type="bootstrap"><package name="apt"/></packages>
</image>`,
  },
  {
    name: "config.sh",
    content: "#!/bin/sh\nset -e\necho kernel > /boot/vmlinuz\necho initrd > /boot/initrd\n",
    mode: 0o755,
  },
];

/**
 * The bundled service, whose local runner starts a stand-in for the agent: it hands over what an agent is told, as other
 * runners do for a container, and stays until it is ended.
 */
async function startServiceForContainers() {
  const [dist, handover] = [await scratchFolder(), await scratchFolder()];
  chmodSync(dist, 0o755);
  const programs = join(dist, "dist");
  await bundle(programs);
  const standIn = `import { readFileSync, renameSync, writeFileSync } from "node:fs";
const file = ${JSON.stringify(`${handover}/`)} + process.env.IMS_JOB_ID;
writeFileSync(file + ".new", readFileSync(0), { mode: 0o400 });
renameSync(file + ".new", file);
setInterval(() => undefined, 60_000);
`;
  writeFileSync(join(programs, "agent.mjs"), standIn);
  const port = String(await freePort());
  const env = {
    IMS_AGENT_HOST: "0.0.0.0",
    IMS_AGENT_PORT: port,
    IMS_AGENT_URL: `http://host.containers.internal:${port}`,
  };
  const service = await startService(env, join(programs, "server.mjs"));
  return { service, handover, agentUrl: env.IMS_AGENT_URL };
}
type ForContainers = Awaited<ReturnType<typeof startServiceForContainers>>;

/**
 * Runs a job's agent in a container, as other runners do, once the service has launched it. How it exits is not to be
 * seen here: the local runner, on the same machine, ends all that has the job's id as soon as the job is over.
 */
async function runAgent({ handover, agentUrl }: ForContainers, id: string) {
  const token = join(handover, id);
  await until("the job is launched", async () => (existsSync(token) ? true : undefined));
  const { reference, digest } = await containerImage("agent");
  const shellPort = String(await freePort());
  const env = {
    IMS_JOB_ID: id,
    IMS_SERVICE_URL: agentUrl,
    IMS_WORK_FOLDER: `/work/${id}`,
    IMS_TOKEN_FILE: "/run/ims/token",
    IMS_SHELL_PORT: shellPort,
    IMS_AGENT_IMAGE: `${reference}@${digest}`,
  };
  return await container("agent", {
    env,
    // Images have device files and programs that change who runs them.
    volumes: [`${token}:/run/ims/token:ro`, `${await scratchFolder()}:/work:dev,suid,exec`],
    ports: [`127.0.0.1:${shellPort}:${shellPort}`],
    rights: CAPABILITIES.map((name) => `--cap-add=${name}`),
  });
}

async function mirror(): Promise<string> {
  const run = createRunCommand({ env: plainEnvironment(process.env) });
  const found = await machineMirror(run, AbortSignal.timeout(60_000));
  if (found === undefined) throw new Error("This machine's apt names no Debian archive.");
  return found;
}

async function contentOf(service: ServiceProcess, imageId: string, file: string): Promise<string> {
  const rootfs = join(await scratchFolder(), "rootfs");
  const answer = await service.fetch(`/v3/images/${imageId}/artifacts/rootfs`);
  writeFileSync(rootfs, new Uint8Array(await answer.arrayBuffer()));
  return execFileSync("unsquashfs", ["-cat", rootfs, file], { encoding: "utf8" });
}

beforeAll(async () => {
  await containerImage("agent");
  await containerImage("service");
}, 1_200_000);

describe("the agent's container image", () => {
  it("is at most 400 MiB to fetch, and says what is in it", async () => {
    const { bytes, archive } = await containerImage("agent");
    expect(bytes).toBeLessThan(400 * MIB);
    const sbom = readFileSync(archive.replace(/tar$/u, "cdx.json"), "utf8");
    for (const purl of [
      "pkg:deb/debian/kiwi@",
      "pkg:deb/debian/qemu-user-static@",
      "pkg:npm/valibot@",
      "pkg:generic/node@",
    ])
      expect(sbom).toContain(purl);
  });

  it("builds an image with kiwi, and opens a shell on it that users reach through the port it was given", async () => {
    const parts = await startServiceForContainers();
    const { service } = parts;
    const create = await postJob(service, await archiveBytes(tinyRecipe(await mirror())));
    const builder = await runAgent(parts, create);
    const built = await inStatusWithin(900, service, create, "success", "error");
    expect([built.status, built.error, await logOf(service, create)]).toMatchObject([
      "success",
      undefined,
      {},
    ]);
    const image = await get(service, `/v3/images/${built.resultant_image_id}`);
    expect(image.provenance).toMatchObject({
      builder: { name: "kiwi-ng", version: expect.stringMatching(/^9\./u) },
      agent: { version: VERSION, image: `${builder.image.reference}@${builder.image.digest}` },
    });

    const client = await sshClient();
    const request = { artifact_id: image.id, ssh_containers: [{ name: "s", jail: true }] };
    const { id } = await shellJob(service, request, client.publicKey);
    await runAgent(parts, id);
    const { sh } = await loggedIn(service, id, client);
    expect(await sh("echo changed > /etc/changed; cat /etc/debian_version")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^12\./u),
    });
    await sh("touch /tmp/complete");
    const changed = await over(service, id);
    expect([changed.status, changed.error, await logOf(service, id)]).toMatchObject([
      "success",
      undefined,
      {},
    ]);
    expect(await contentOf(service, changed.resultant_image_id, "etc/changed")).toBe("changed\n");
    await nothingLeft(service);
  });

  it("ends in failure, with a reason, when nobody knows its job any more", async () => {
    const parts = await startServiceForContainers();
    const { service } = parts;
    const id = await postJob(service, await archiveBytes(tinyRecipe("http://192.0.2.1/debian")));
    await until("launched", async () => (existsSync(join(parts.handover, id)) ? true : undefined));
    await post(service, `/v3/jobs/${id}/cancel`);
    const agent = await runAgent(parts, id);
    expect(await agent.ended()).toBe(0);
    expect(await agent.logs()).toContain("The service no longer needs this agent.");
  });
});

describe("the service's container image", () => {
  it("serves without root, capabilities or anything to write but its volume", async () => {
    const data = join(await scratchFolder(), "data");
    mkdirSync(data);
    chownSync(data, 65_532, 65_532);
    const port = String(await freePort());
    const { exec, image, inspect, logs } = await container("service", {
      volumes: [`${data}:/data`],
      ports: [`127.0.0.1:${port}:9100`],
      rights: ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"],
    });
    expect(image.bytes).toBeLessThan(80 * MIB);
    const url = `http://127.0.0.1:${port}`;
    await until("it answers", async () => {
      const answer = await fetch(`${url}/healthz/ready`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    }).catch(async (cause: unknown) => {
      throw new Error(await logs(), { cause });
    });
    expect(await inspect("{{.Config.User}}")).toBe("65532:65532");
    expect((await fetch(`${url}/v3/images`)).status).toBe(401);
    const token = await exec("node", "/opt/ims/ims.mjs", "token", "create", "--role", "admin");
    const authorization = `Bearer ${token.out.split("\n").find((line) => line.startsWith("ims."))}`;
    const posted = await fetch(`${url}/v3/images`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: '{"name": "i"}',
    });
    expect(posted.status).toBe(201);
  });
});
