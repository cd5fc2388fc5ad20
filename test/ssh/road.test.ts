import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BuildNode } from "../../infra/build-node/build-node.ts";
import type { Json } from "../support/json.ts";
import { archiveBytes, expectImage, get, inStatusWithin, post, postJob, recipe } from "../support/road.ts";
import { type ServiceProcess, until } from "../support/service-process.ts";
import { artifactsOf, loggedIn, logOf, shellJob, tinyImage } from "../support/shell-jobs.ts";
import { sshClient } from "../support/ssh.ts";
import { buildNode, FOLDER, twoNodes } from "../support/ssh-runner.ts";
import type { QuickAgent } from "../../infra/build-node/quick-agent.ts";
import { serviceOn, standInAgent } from "../support/ssh-service.ts";

let agent: QuickAgent;
beforeAll(async () => {
  agent = await standInAgent();
});
afterAll(() => agent.remove());

const build = async (service: ServiceProcess, behave = "", more: object = {}): Promise<string> =>
  await postJob(service, await archiveBytes(recipe(behave)), {}, { require_dkms: false, ...more });

const over = (service: ServiceProcess, id: string, seconds = 90): Promise<Json> =>
  inStatusWithin(seconds, service, id, "success", "error");

/** Containers, folders of jobs and programs that name a job. */
async function leftOn(node: BuildNode): Promise<string[]> {
  const look = `podman ps -a --format '{{.Names}}'
    find ${FOLDER}/*/jobs ${FOLDER}/*/trash -mindepth 1 -maxdepth 1 2>/dev/null
    cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep ims-jobs
    grep -lz '^IMS_JOB_ID=' /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
      [ "$(readlink "\${file%environ}ns/net")" = "$(readlink /proc/self/ns/net)" ] && echo "$file"
    done`;
  return (await node.inside("sh", "-c", `${look}\ntrue`)).split("\n").filter((line) => line !== "");
}

const nothingLeftOn = async (node: BuildNode): Promise<void> => {
  const last = await until(
    "nothing is left on the node",
    async () => ((await leftOn(node)).length === 0 ? [] : undefined),
    60,
  ).catch(() => leftOn(node));
  expect(last).toEqual([]);
};

describe("a job on a remote build node", () => {
  it("builds an image from a recipe through the tunnel, says where, and leaves nothing", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service);
    const job = await over(service, id);
    expect([job.status, job.error]).toEqual(["success", undefined]);
    expect(job.remote_build_node).toBe(node.address);
    await expectImage(service, job.resultant_image_id);
    expect(await logOf(service, id)).toContain("stand-in kiwi prepares /work/");
    await nothingLeftOn(node);
    const idle = await until("the node is seen without jobs", async () => {
      const status = await get(service, `/v3/remote-build-nodes/status/${node.address}`);
      return status.numCurrentJobs === 0 ? status : undefined;
    });
    expect(idle).toMatchObject({ sshStatus: "Connected", ableToRunJobs: true, nodeArch: job.arch });
    const [record] = await get(service, "/v3/remote-build-nodes");
    expect(record).toEqual({ xname: node.address, host_key: await node.hostKey() });
  });

  it("keeps its token out of what others can read", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service, "seconds 20");
    await inStatusWithin(60, service, id, "building_image");
    const token = JSON.parse(await node.inside("sh", "-c", `cat ${FOLDER}/*/jobs/${id}/token-1`)).token;
    expect(token.length).toBeGreaterThan(20);
    const seen = await node.inside(
      "sh",
      "-c",
      `podman inspect ims-${id}; podman logs ims-${id}; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'`,
    );
    expect(seen).toContain(id);
    expect(seen).not.toContain(token);
    expect(await node.inside("sh", "-c", `stat -c %a ${FOLDER}/*/jobs/${id}/token-1`)).toBe("600\n");
    expect(service.output()).not.toContain(token);
    await post(service, `/v3/jobs/${id}/cancel`);
    await nothingLeftOn(node);
  });

  it("is killed by a cancel with all that its build left behind", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service, "cling");
    await until(
      "the build is at it",
      async () => ((await logOf(service, id)).includes("still at it: 1") ? true : undefined),
      60,
    );
    await post(service, `/v3/jobs/${id}/cancel`);
    const job = await over(service, id);
    expect(job.error).toMatchObject({ code: "cancelled" });
    await nothingLeftOn(node);
  });

  it("goes on while the service is killed and the line is cut for 30 s, and is started once", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service, "seconds 45");
    await inStatusWithin(60, service, id, "building_image");
    await service.end("SIGKILL");
    await service.start();
    await node.cut();
    const began = performance.now();
    await until(
      "half a minute has passed",
      async () => (performance.now() - began > 30_000 ? true : undefined),
      60,
    );
    expect((await get(service, `/v3/jobs/${id}`)).status).toBe("building_image");
    await node.mend();
    const job = await over(service, id, 150);
    expect([job.status, job.error]).toEqual(["success", undefined]);
    expect((await logOf(service, id)).match(/^still at it: 0$/gmu)).toHaveLength(1);
    await nothingLeftOn(node);
  });

  it("reaches the service by its own network where that is configured", async () => {
    const node = await buildNode();
    const here = `10.211.${node.number}.1`;
    const service = await serviceOn([node], agent.env("stand-ins"), {
      IMS_SSH_TUNNEL: "no",
      IMS_AGENT_HOST: here,
      IMS_AGENT_PORT: "19471",
      IMS_AGENT_URL: `http://${here}:19471`,
    });
    const job = await over(service, await build(service));
    expect([job.status, job.error]).toEqual(["success", undefined]);
    expect(await node.inside("sh", "-c", `find ${FOLDER} -name '*.sock'`)).toBe("");
  });
});

describe("a shell on a remote build node", () => {
  it("is reached through the service, also after its restart, and makes a changed image", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("real tools"));
    const image = await tinyImage(service);
    const client = await sshClient();
    const request = { artifact_id: image.id, ssh_containers: [{ name: "s", jail: false }] };
    const { id } = await shellJob(service, request, client.publicKey);
    const first = await loggedIn(service, id, client);
    expect(first.container.connection_info.customer_access.host).toBe("127.0.0.1");
    expect((await first.sh("cat /mnt/image/image-root/etc/resolv.conf; hostname")).out).toContain(
      `ims-node-${node.number}`,
    );
    await service.end("SIGKILL");
    await service.start();
    const again = await until(
      "the shell answers again",
      async () => {
        const answer = await first.sh("echo changed >/mnt/image/image-root/etc/changed && echo done");
        return answer.code === 0 ? answer : undefined;
      },
      60,
    );
    expect(again.out).toBe("done\n");
    await first.sh("touch /mnt/image/complete");
    const job = await over(service, id);
    expect([job.status, job.error]).toEqual(["success", undefined]);
    expect((await artifactsOf(service, job.resultant_image_id)).length).toBeGreaterThan(3);
    await nothingLeftOn(node);
  });
});

describe("several remote build nodes", () => {
  it("share a burst of jobs evenly, as many at once as each may have", async () => {
    const [one, two] = await twoNodes();
    const three = await buildNode(one);
    const nodes = [one, two, three];
    const service = await serviceOn(nodes, agent.env("stand-ins"), {
      IMS_MAX_JOBS: "100",
      IMS_SSH_JOBS_PER_NODE: "2",
    });
    await until(
      "all nodes can run jobs",
      async () => {
        const status = await get(service, "/v3/remote-build-nodes/status");
        return status.every(({ ableToRunJobs }: Json) => ableToRunJobs) ? true : undefined;
      },
      60,
    );
    const ids = [];
    for (let n = 0; n < 9; n += 1) ids.push(await build(service, "seconds 3"));
    const waiting = (await get(service, "/v3/jobs")).filter(({ queue }: Json) => queue !== undefined);
    expect(waiting.length).toBeGreaterThan(0);
    expect(waiting[0].queue.reason).toMatch(
      /As many jobs on node 10\.211\.\d+\.2 as may at once are running: 2/u,
    );
    const jobs: Json[] = [];
    for (const id of ids) jobs.push(await over(service, id, 180));
    expect(jobs.map(({ status }) => status)).toEqual(ids.map(() => "success"));
    const counts = nodes.map(({ address }) => jobs.filter((job) => job.remote_build_node === address).length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(2);
    for (const node of nodes) await nothingLeftOn(node);
  });

  it("go on without one that is cut off for ever: its job ends, others are not kept, and what is left goes when it is back", async () => {
    const [lost, well] = await twoNodes();
    const service = await serviceOn([lost], agent.env("stand-ins"), { IMS_SSH_LOST_SECONDS: "30" });
    const id = await build(service, "seconds 600");
    await inStatusWithin(60, service, id, "building_image");
    await post(service, "/v3/remote-build-nodes", { xname: well.address });
    await lost.cut();
    const other = await until(
      "another node takes a job",
      async () => {
        const job = await over(service, await build(service), 120);
        return job.remote_build_node === well.address ? job : undefined;
      },
      240,
    );
    expect(other.status).toBe("success");
    const job = await over(service, id, 120);
    expect(job.error).toMatchObject({ code: "node_unreachable", phase: "building_image" });
    expect(job.error.message).toContain(lost.address);
    const status = await get(service, `/v3/remote-build-nodes/status/${lost.address}`);
    expect(status).toMatchObject({
      ableToRunJobs: false,
      sshStatus: expect.stringContaining("cannot be reached"),
    });
    await lost.mend();
    await nothingLeftOn(lost);
  });

  it("lose the jobs of one that is restarted, at once", async () => {
    const node = await buildNode();
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service, "seconds 600");
    await inStatusWithin(60, service, id, "building_image");
    await node.kill();
    await node.boot();
    const job = await over(service, id);
    expect(job.error).toMatchObject({ code: "node_lost", phase: "building_image" });
    await nothingLeftOn(node);
  });

  it("keep a job waiting that none of them can take, and say why", async () => {
    const node = await buildNode();
    await node.inside("mount", "--bind", "/dev/null", "/usr/bin/podman");
    const service = await serviceOn([node], agent.env("stand-ins"));
    const id = await build(service);
    const reason = (words: string) =>
      until(`it waits: ${words}`, async () => {
        const { queue } = await get(service, `/v3/jobs/${id}`);
        return queue?.reason.includes(words) === true ? true : undefined;
      });
    await reason(`${node.address}: podman is not installed`);
    await node.inside("umount", "/usr/bin/podman");
    await node.inside(
      "sh",
      "-c",
      `printf '#!/bin/sh\\necho aarch64\\n' >${FOLDER}/uname && chmod 755 ${FOLDER}/uname && mount --bind ${FOLDER}/uname /usr/bin/uname`,
    );
    await reason(`${node.address}: it is aarch64`);
    await node.inside("umount", "/usr/bin/uname");
    await node.changeHostKey();
    await reason(`${node.address}: The host key of node ${node.address} has changed`);
    const status = await get(service, `/v3/remote-build-nodes/status/${node.address}`);
    expect(status.sshStatus).toMatch(
      /^Unable to connect to node\. Error: The host key of node \S+ has changed: SHA256:/u,
    );
    await service.fetch(`/v3/remote-build-nodes/${node.address}`, { method: "DELETE" });
    await post(service, "/v3/remote-build-nodes", { xname: node.address, host_key: await node.hostKey() });
    expect((await over(service, id)).status).toBe("success");
  });
});
