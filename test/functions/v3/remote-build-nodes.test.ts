import { beforeEach, describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import type { NodeFacts, RemoteBuildNode } from "../../../core/nodes/node.ts";
import { createTestService, type TestService } from "../../support/ims.ts";

const PATH = "/v3/remote-build-nodes";
const xname = "x3000c1s10b1n0";
const KEY = `ssh-ed25519 ${"A".repeat(68)}`;
const FACTS: NodeFacts = {
  arch: "aarch64",
  machine: "aarch64",
  podman: "5.4.0",
  jobs: 1,
  free_bytes: 7_000_000_000,
  free_memory_bytes: 3_000_000_000,
};

describe("the record of a remote build node", () => {
  let service: TestService;
  beforeEach(() => {
    service = createTestService();
  });

  it.each([
    { host: "10.1.2.3", port: 2222, user: "builder", host_key: KEY },
    { host: "fd00::1", port: 1 },
    { port: 65_535, user: "_b-1" },
    { host_key: `SHA256:${"a+/".repeat(14)}0` },
    { host_key: `ecdsa-sha2-nistp256 ${"A".repeat(40)}== root@node` },
  ])("keeps and shows where the node is and by what key it is known: %j", async (more) => {
    const node = { xname, ...more };
    expect(await service.post(PATH, node)).toMatchObject({ status: 201, json: node });
    expect((await service.get(`${PATH}/${xname}`)).json).toEqual(node);
    expect((await service.get(PATH)).json).toEqual([node]);
  });

  it.each([
    ["host", "", "is no name or address of a machine"],
    ["host", "a b", "is no name or address of a machine"],
    ["host", "x".repeat(254), "is no name or address of a machine"],
    ["host", 1, ""],
    ["host", null, ""],
    ["port", 0, ""],
    ["port", 65_536, ""],
    ["port", 22.5, ""],
    ["port", "22", ""],
    ["user", "Root", "is no name of a user"],
    ["user", "-l", "is no name of a user"],
    ["user", "a".repeat(33), "is no name of a user"],
    ["host_key", "", "is no host key"],
    ["host_key", "ssh-dss AAAAB3NzaC1kc3MAAACBAAAAAAAAAAAAAAAA", "is no host key"],
    ["host_key", `SHA256:${"A".repeat(42)}`, "is no host key"],
    ["host_key", `${KEY}\nssh-rsa more`, "is no host key"],
  ])("refuses %s %j, and says which member it was", async (member, value, why) => {
    const { status, json } = await service.post(PATH, { xname, [member]: value });
    expect(status).toBe(422);
    expect(Object.keys(json.errors)).toEqual([member]);
    expect(json.errors[member].join()).toContain(why);
    expect((await service.get(PATH)).json).toEqual([]);
  });

  it("is not changed by registering the node again, so a pinned key stays until the node is deleted", async () => {
    await service.post(PATH, { xname, host_key: KEY });
    await service.post(PATH, { xname, host: "elsewhere" });
    expect((await service.get(`${PATH}/${xname}`)).json).toEqual({ xname, host_key: KEY });
    await service.remove(`${PATH}/${xname}`);
    await service.post(PATH, { xname, host: "elsewhere" });
    expect((await service.get(`${PATH}/${xname}`)).json).toEqual({ xname, host: "elsewhere" });
  });
});

describe("the status of a remote build node", () => {
  function watching(look: (node: RemoteBuildNode) => Promise<NodeFacts>) {
    const service = createTestService({}, { nodeProbe: { probe: look } });
    const seen = async () => {
      await service.ims.remoteBuildNodes.watch();
      return (await service.get(`${PATH}/status/${xname}`)).json;
    };
    return { service, seen };
  }

  it("tells what was seen when it was looked at last, and what is free there", async () => {
    const { service, seen } = watching(async () => FACTS);
    await service.post(PATH, { xname });
    const status = {
      xname,
      sshStatus: "Connected",
      podmanStatus: "podman 5.4.0",
      nodeArch: "aarch64",
      numCurrentJobs: 1,
      ableToRunJobs: true,
      lastSeen: "2026-06-15T12:00:00.000Z",
      freeBytes: 7_000_000_000,
      freeMemoryBytes: 3_000_000_000,
    };
    expect(await seen()).toEqual(status);
    expect((await service.get(`${PATH}/status`)).json).toEqual([status]);
  });

  it("says why jobs cannot be started on a node that answers", async () => {
    const { podman: _podman, ...without } = FACTS;
    const { service, seen } = watching(async () => ({ ...without, trouble: "podman is not installed" }));
    await service.post(PATH, { xname });
    expect(await seen()).toMatchObject({
      sshStatus: "Connected",
      podmanStatus: "podman is not installed",
      ableToRunJobs: false,
      trouble: "podman is not installed",
    });
  });

  it("says of a node of another architecture that it runs no jobs", async () => {
    const { arch: _arch, ...without } = FACTS;
    const { service, seen } = watching(async () => ({ ...without, machine: "riscv64" }));
    await service.post(PATH, { xname });
    expect(await seen()).toMatchObject({ nodeArch: "riscv64", ableToRunJobs: false });
  });

  it("keeps when a node answered last, once it answers no more", async () => {
    let answers = true;
    const { service, seen } = watching(async () => {
      if (answers) return FACTS;
      throw new DomainError("unavailable", "Node x1 cannot be reached.");
    });
    await service.post(PATH, { xname });
    await seen();
    answers = false;
    service.time.now += 60_000;
    expect(await seen()).toEqual({
      xname,
      sshStatus: "Unable to connect to node. Error: Node x1 cannot be reached.",
      podmanStatus: "Unknown",
      nodeArch: "Unknown",
      numCurrentJobs: -1,
      ableToRunJobs: false,
      lastSeen: "2026-06-15T12:00:00.000Z",
    });
  });

  it("starts anew when the node was deleted and registered again", async () => {
    const { service, seen } = watching(async () => FACTS);
    await service.post(PATH, { xname });
    await seen();
    await service.remove(`${PATH}/${xname}`);
    await service.ims.remoteBuildNodes.watch();
    await service.post(PATH, { xname });
    expect((await service.get(`${PATH}/status/${xname}`)).json).not.toHaveProperty("lastSeen");
  });
});
