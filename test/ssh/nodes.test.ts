import { chmod, readdir, stat } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { createServer, get } from "node:http";
import { connect } from "node:net";
import { buffer, text as textOf } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AgentPresence } from "../../core/ports/job-runner.ts";
import { IDLE, until } from "../support/local-runner.ts";
import {
  buildNode,
  FOLDER,
  remainsOn,
  sshBench,
  startedOn,
  twoNodes,
  WORK,
  writeAgent,
} from "../support/ssh-runner.ts";

const order = (jobId: string, node = "x1", attempt = 1) => ({
  jobId,
  node,
  attempt,
  token: `secret-${attempt}`,
  work: WORK,
});

async function listeningService(): Promise<string> {
  const server = createServer((request, response) => response.end(`${request.method} ${request.url}`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

const absence = (look: () => Promise<AgentPresence>): Promise<AgentPresence> =>
  until(async () => {
    const presence = await look();
    return presence.state === "absent" ? presence : undefined;
  });

describe("the host key of a node", () => {
  it("is trusted at the first meeting and kept; a changed one is refused with both fingerprints", async () => {
    const node = await buildNode();
    const { runner, again, directory, newJob } = await sshBench([node], IDLE);
    const first = await node.hostKey();
    await runner.inspect({ jobId: newJob(), node: "x1" });
    expect(directory.pinned.get("x1")).toBe(first);

    await node.changeHostKey();
    const changed = await node.hostKey();
    expect(changed).not.toBe(first);
    const refusal = await again().inspect({ jobId: newJob(), node: "x1" });
    expect(refusal).toMatchObject({
      state: "unknown",
      reason: expect.stringMatching(
        /^The host key of node x1 has changed: SHA256:\S{43} is pinned, the node shows SHA256:\S{43}\. /u,
      ),
    });
    await expect(again().launch(order(newJob()))).rejects.toThrow("has changed");
    expect(directory.pinned.get("x1")).toBe(first);

    directory.pinned.set("x1", changed);
    expect(await again().inspect({ jobId: newJob(), node: "x1" })).toEqual({ state: "absent" });
  });

  it("may be pinned before as a fingerprint, and is refused when it is another", async () => {
    const node = await buildNode();
    const { runner, directory, newJob } = await sshBench([node], IDLE);
    directory.pinned.set("x1", `SHA256:${"A".repeat(43)}`);
    const refusal = {
      state: "unknown",
      reason: expect.stringContaining(`SHA256:${"A".repeat(43)} is pinned`),
    };
    expect(await runner.inspect({ jobId: newJob(), node: "x1" })).toMatchObject(refusal);
  });
});

describe("the key that opens nodes", () => {
  it("is refused while others can read its file", async () => {
    const node = await buildNode();
    const { runner, again, newJob } = await sshBench([node], IDLE);
    await chmod(node.keyFile, 0o644);
    const reason = "The file of IMS_SSH_KEY_FILE can be read by others: chmod 600 it.";
    expect(await runner.inspect({ jobId: newJob(), node: "x1" })).toEqual({ state: "unknown", reason });
    await chmod(node.keyFile, 0o600);
    expect(await again().inspect({ jobId: newJob(), node: "x1" })).toEqual({ state: "absent" });
  });

  it("is told from a file that is none, or not there, without a word of the content", async () => {
    const node = await buildNode();
    const { again, newJob } = await sshBench([node], IDLE);
    const asked = async (keyFile: string) =>
      await again({ keyFile }).inspect({ jobId: newJob(), node: "x1" });
    await chmod(`${node.keyFile}.pub`, 0o600);
    const none = {
      state: "unknown",
      reason: "The key of IMS_SSH_KEY_FILE cannot be used: it is no private key.",
    };
    expect(await asked("/etc/hostname")).toMatchObject({ state: "unknown" });
    expect(await asked(`${node.keyFile}.pub`)).toEqual(none);
    expect(await asked("/nowhere")).toEqual({
      state: "unknown",
      reason: "The file of IMS_SSH_KEY_FILE is not there.",
    });
  });
});

describe("the agent's image", () => {
  const held = (node: { inside(file: string, ...args: string[]): Promise<string> }) =>
    node.inside("find", `${FOLDER}/images`, "-type", "f", "!", "-name", "load.lock");

  it("is brought once to each of several nodes at once, and again when it has changed", async () => {
    const nodes = await twoNodes();
    const { runner, newJob, imageFile, base } = await sshBench(nodes, IDLE);
    const jobs = Array.from({ length: 6 }, (_, index) => order(newJob(), `x${(index % 2) + 1}`));
    await Promise.all(jobs.map((each) => runner.launch(each)));
    for (const node of nodes) expect((await held(node)).trim().split("\n")).toHaveLength(1);
    // files that are not compressed travel compressed
    const [packed = ""] = await readdir(`${base}/cache`);
    expect((await stat(`${base}/cache/${packed}`)).size).toBeLessThan((await stat(imageFile)).size * 0.7);

    await writeAgent(imageFile, "sleep 300");
    await runner.launch(order(newJob()));
    expect((await held(nodes[0])).trim().split("\n")).toHaveLength(2);
    for (const { jobId, node } of jobs) await runner.stop({ jobId, node });
  });

  it("is sent on from where a cut stopped it, and what came damaged is noticed and sent anew", async () => {
    const node = await buildNode();
    const { again, imageFile, newJob } = await sshBench([node], IDLE);
    const content = randomBytes(150 * 1024 * 1024);
    await writeAgent(imageFile, "sleep 300", [{ path: "big", content }]);
    const runner = again();
    const part = async () =>
      Number((await node.inside("sh", "-c", `cat ${FOLDER}/images/*.part 2>/dev/null | wc -c`)).trim());
    const cutOff = runner.launch(order(newJob()));
    cutOff.catch(() => undefined);
    await until(async () => ((await part()) > 5_000_000 ? true : undefined));
    await node.inside("pkill", "-f", "^sshd: root@notty");
    await expect(cutOff).rejects.toMatchObject({ code: "unavailable" });
    const before = await part();
    expect(before).toBeGreaterThan(5_000_000);
    expect(before).toBeLessThan(content.length);
    // What was there is not sent again: the damage stays, and is found.
    await node.inside(
      "sh",
      "-c",
      `printf damage | dd of=$(echo ${FOLDER}/images/*.part) conv=notrunc status=none`,
    );
    const jobId = newJob();
    await expect(runner.launch(order(jobId))).rejects.toThrow("damaged");
    expect(await part()).toBe(0);
    await runner.launch(order(jobId));
    expect(await runner.inspect({ jobId, node: "x1" })).toEqual({ state: "running" });
    await runner.stop({ jobId, node: "x1" });
  });

  it("is removed when no job has used it for long, but never the one in use", async () => {
    const node = await buildNode();
    const { again, runner, newJob, imageFile } = await sshBench([node], IDLE);
    const [old, young] = [newJob(), newJob()];
    await runner.launch(order(old));
    await writeAgent(imageFile, "sleep 300");
    await runner.launch(order(young));
    await node.inside("sh", "-c", `find ${FOLDER}/images -type f -exec touch -d '-30 days' {} +`);
    await again().leftovers();
    expect((await held(node)).trim().split("\n")).toHaveLength(2);
    await runner.stop({ jobId: old, node: "x1" });
    await again().leftovers();
    expect((await held(node)).trim().split("\n")).toHaveLength(1);
    expect(await runner.inspect({ jobId: young, node: "x1" })).toEqual({ state: "running" });
    await runner.stop({ jobId: young, node: "x1" });
  });
});

describe("a node in trouble", () => {
  it("that is dead makes nobody wait for another, and itself is not waited for twice", async () => {
    const [dead, living] = await twoNodes();
    const { runner, newJob } = await sshBench([dead, living], IDLE);
    const jobId = newJob();
    await dead.cut();
    const waiting = runner.inspect({ jobId: newJob(), node: "x1" });
    await runner.launch(order(jobId, "x2"));
    expect(await runner.inspect({ jobId, node: "x2" })).toEqual({ state: "running" });
    expect(await waiting).toMatchObject({
      state: "unknown",
      reason: expect.stringMatching(/^Node x1 .* cannot be reached/u),
    });
    expect(await runner.leftovers()).toEqual([{ jobId, node: "x2" }]);
    await runner.stop({ jobId, node: "x2" });
  });

  it("that is cut off keeps its jobs, which are found again, and none is started twice", async () => {
    const node = await buildNode();
    const { runner, again, newJob } = await sshBench([node], IDLE);
    const jobId = newJob();
    await runner.launch(order(jobId));
    await until(async () => ((await startedOn(node, jobId)).length > 0 ? true : undefined));
    await node.cut();
    const unknown = await until(async () => {
      const presence = await runner.inspect({ jobId, node: "x1" });
      return presence.state === "running" ? undefined : presence;
    });
    expect(unknown.state).toBe("unknown");
    const relaunch = runner.launch(order(jobId));
    await expect(relaunch).rejects.toMatchObject({ code: "unavailable" });
    await node.mend();
    await until(async () =>
      (await runner.inspect({ jobId, node: "x1" })).state === "running" ? true : undefined,
    );
    await again().launch(order(jobId));
    expect(await startedOn(node, jobId)).toHaveLength(1);
    await runner.stop({ jobId, node: "x1" });
  });

  it("that stays away is given up: stopping succeeds, and what is left goes when it is back", async () => {
    const node = await buildNode();
    const { runner, newJob, troubles } = await sshBench([node], IDLE);
    const jobId = newJob();
    await runner.launch(order(jobId));
    await node.cut();
    await until(async () => {
      try {
        await runner.stop({ jobId, node: "x1" });
        return true;
      } catch {
        return undefined;
      }
    });
    expect(troubles.join("\n")).toContain(
      `What is left of job ${jobId} is removed when the node answers again.`,
    );
    await node.mend();
    const left = await until(async () => {
      const refs = await runner.leftovers();
      return refs.length > 0 ? refs : undefined;
    });
    expect(left).toEqual([{ jobId, node: "x1" }]);
    await runner.stop({ jobId, node: "x1" });
    expect(await runner.leftovers()).toEqual([]);
  });

  it("that was restarted has lost its jobs, and says so", async () => {
    const node = await buildNode();
    const { runner, newJob } = await sshBench([node], IDLE);
    const jobId = newJob();
    await runner.launch(order(jobId));
    await node.kill();
    await node.boot();
    const lost = await absence(() => runner.inspect({ jobId, node: "x1" }));
    expect(lost).toEqual({ state: "absent", cause: "node-lost", reason: "Node x1 was restarted." });
    await runner.launch(order(jobId, "x1", 2));
    expect(await runner.inspect({ jobId, node: "x1" })).toEqual({ state: "running" });
    await runner.stop({ jobId, node: "x1" });
  });

  it("that is not registered any more has lost its jobs, and is not waited for", async () => {
    const node = await buildNode();
    const { runner, newJob } = await sshBench([node], IDLE);
    expect(await runner.inspect({ jobId: newJob(), node: "x9" })).toMatchObject({ cause: "node-lost" });
    await runner.stop({ jobId: newJob(), node: "x9" });
    await expect(runner.launch(order(newJob(), "x9"))).rejects.toThrow("not registered");
  });

  it("without podman says so, and takes no job", async () => {
    const node = await buildNode();
    const { runner, newJob } = await sshBench([node], IDLE);
    await node.inside("mount", "--bind", "/dev/null", "/usr/bin/podman");
    expect(await runner.probe({ xname: "x1" })).toMatchObject({ trouble: "podman is not installed" });
    await expect(runner.launch(order(newJob()))).rejects.toThrow("Node x1 has no podman");
    expect(await runner.inspect({ jobId: newJob(), node: "x1" })).toEqual({
      state: "unknown",
      reason: "Node x1 has no podman.",
    });
  });

  it("whose disk is full says that, and leaves nothing", async () => {
    const node = await buildNode();
    const { runner, newJob } = await sshBench([node], IDLE);
    await node.inside("mkdir", `${FOLDER}/images`);
    await node.inside("mount", "-t", "tmpfs", "-o", "size=300k", "none", `${FOLDER}/images`);
    await expect(runner.launch(order(newJob()))).rejects.toMatchObject({
      code: "storage-full",
      message: expect.stringContaining("Node x1"),
    });
    await node.inside("umount", `${FOLDER}/images`);
    const jobId = newJob();
    await runner.launch(order(jobId));
    await runner.stop({ jobId, node: "x1" });
  });

  it("of another architecture says which it has", async () => {
    const node = await buildNode();
    const { runner } = await sshBench([node], IDLE);
    expect(await runner.probe({ xname: "x1" })).toMatchObject({
      arch: WORK.arch,
      podman: expect.stringMatching(/^\d+\./u),
      jobs: 0,
    });
    await node.inside(
      "sh",
      "-c",
      "printf '#!/bin/sh\\necho riscv64\\n' >/var/lib/ims-jobs/uname; chmod 755 /var/lib/ims-jobs/uname; mount --bind /var/lib/ims-jobs/uname /usr/bin/uname",
    );
    const strange = await runner.probe({ xname: "x1" });
    expect([strange.machine, strange.arch]).toEqual(["riscv64", undefined]);
  });
});

describe("the tunnel to the service", () => {
  /** As an agent on the node asks. */
  const ask = (node: Awaited<ReturnType<typeof buildNode>>, path: string): Promise<string> =>
    new Promise((resolve) => {
      const socketPath = `${node.jobs}/test/tunnel/service.sock`;
      get({ socketPath, path }, (answer) => resolve(textOf(answer))).on("error", (error) =>
        resolve(error.message),
      );
    });

  it("is there before the first job, and again after the connection broke", async () => {
    const node = await buildNode();
    const serviceUrl = await listeningService();
    const tunnel = { serviceUrl: () => serviceUrl, stores: [] };
    const { runner, newJob } = await sshBench([node], IDLE, { tunnel });
    const ref = { jobId: newJob(), node: "x1" };
    await runner.inspect(ref);
    expect(await ask(node, "/agent/jobs/1")).toBe("GET /agent/jobs/1");
    expect(await ask(node, "/v3/jobs")).toBe("");
    await node.inside("pkill", "-f", "^sshd: root@notty");
    await until(async () => {
      await runner.inspect(ref);
      return (await ask(node, "/agent/jobs/2")) === "GET /agent/jobs/2" ? true : undefined;
    });
  });

  it("is taken over by another process of the service when the one that had it is gone", async () => {
    const node = await buildNode();
    const serviceUrl = await listeningService();
    const { again, runner, newJob } = await sshBench([node], IDLE, {
      tunnel: { serviceUrl: () => serviceUrl, stores: [] },
    });
    const ref = { jobId: newJob(), node: "x1" };
    await runner.inspect(ref);
    const later = again({ tunnel: { serviceUrl: () => "http://127.0.0.1:9", stores: [] } });
    await later.inspect(ref);
    later.close();
    await until(async () => {
      await runner.inspect(ref);
      return (await ask(node, "/agent/x")) === "GET /agent/x" ? true : undefined;
    });
    expect(await ask(node, "/agent/y")).toBe("GET /agent/y");
  });
});

describe("a shell on a node", () => {
  async function talk({ host, port }: { host: string; port: number }): Promise<string> {
    const socket = connect({ host, port });
    socket.end("hello");
    return (await buffer(socket)).toString();
  }
  const SHELL = "nc -ll -p 2022 -e /bin/cat";

  it("is reached through a port of the service, also after a restart, and until the job is stopped", async () => {
    const node = await buildNode();
    const { runner, again, newJob } = await sshBench([node], SHELL);
    const ref = { jobId: newJob(), node: "x1" };
    await runner.launch(order(ref.jobId));
    const { customer, cluster } = await runner.shellAddresses(ref, 2022);
    expect(customer).toEqual(cluster);
    expect(await runner.shellAddresses(ref, 2022)).toEqual({ customer, cluster });
    await until(async () => ((await talk(customer).catch(String)) === "hello" ? true : undefined));
    runner.close();
    await expect(talk(customer)).rejects.toThrow("ECONNREFUSED");
    const later = again();
    await later.inspect(ref);
    expect(await talk(customer)).toBe("hello");
    await later.stop(ref);
    await expect(talk(customer)).rejects.toThrow("ECONNREFUSED");
  });

  it("is reached on the node itself where that is configured", async () => {
    const node = await buildNode();
    const { runner, newJob } = await sshBench([node], IDLE, { shells: { via: "node" } });
    const address = { host: node.address, port: 2022 };
    expect(await runner.shellAddresses({ jobId: newJob(), node: "x1" }, 2022)).toEqual({
      customer: address,
      cluster: address,
    });
  });
});

describe("jobs of another service on the same node", () => {
  it("are neither seen nor touched", async () => {
    const node = await buildNode();
    const { runner, again, newJob } = await sshBench([node], IDLE);
    const other = again({ owner: "other" });
    await node.inside("mkdir", "-p", `${FOLDER}/other`);
    const jobId = newJob();
    await other.launch(order(jobId));
    expect(await runner.leftovers()).toEqual([]);
    expect(await runner.inspect({ jobId, node: "x1" })).toEqual({ state: "absent" });
    expect(await other.leftovers()).toEqual([{ jobId, node: "x1" }]);
    await other.stop({ jobId, node: "x1" });
    expect((await remainsOn(node, jobId)).containers).toEqual([]);
  });
});
