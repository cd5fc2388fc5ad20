import { beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryArtifacts } from "../../../adapters/artifacts/memory.ts";
import { createHmacSigner } from "../../../adapters/signer/hmac.ts";
import { DomainError } from "../../../core/errors.ts";
import type { Artifacts } from "../../../core/ports/artifacts.ts";
import { storeImage } from "../../support/images.ts";
import { createTestService } from "../../support/ims.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const undelete = { operation: "undelete" };

/** A service whose objects move only while the gate is open, or not at all. */
function createSlowService(moveWaitSeconds = 20) {
  const time = createManualClock();
  const signer = createHmacSigner(new Uint8Array(32).fill(7));
  const memory = createMemoryArtifacts({ signer, clock: time.clock, publicUrl: () => "http://localhost" });
  let opened: () => void = () => undefined;
  const store = { gate: Promise.resolve(), moving: 0, failing: false };
  const artifacts: Artifacts = {
    ...memory,
    async move(from, to) {
      if (store.failing) throw new DomainError("unavailable", "The object store cannot be reached.");
      store.moving += 1;
      await store.gate;
      return await memory.move(from, to);
    },
  };
  const service = createTestService({}, { artifacts, clock: time.clock }, undefined, { moveWaitSeconds });
  return {
    ...service,
    store,
    /** Lets time pass for those who wait, once they do. */
    async pass(seconds: number) {
      await vi.waitUntil(() => time.sleeping() > 0);
      time.advance(seconds * 1000);
    },
    close() {
      store.gate = new Promise((resolve) => (opened = resolve));
    },
    open: () => opened(),
    journals: async () => (await service.ports.records.list("object-journal")).records.map(({ id }) => id),
    keys: async (prefix: string) =>
      (await Array.fromAsync(memory.list("boot-images", prefix))).map(({ key }) => key),
    async image(folder: string) {
      const link = await storeImage(artifacts, folder);
      return (await service.post("/v3/images", { name: folder, link })).json;
    },
  };
}

let service: ReturnType<typeof createSlowService>;
beforeEach(() => {
  service = createSlowService();
});

describe("objects that take long to move", () => {
  it("hold up a delete for IMS_MOVE_WAIT and no longer; the rest goes on after the answer", async () => {
    const { id } = await service.image("a");
    service.close();
    let answered = false;
    const answer = service.remove(`/v3/images/${id}`).finally(() => (answered = true));
    await service.pass(19.9);
    await service.get("/version");
    expect(answered).toBe(false);
    await service.pass(0.1);
    expect((await answer).status).toBe(204);
    expect((await service.get(`/v3/images/${id}`)).status).toBe(404);
    expect((await service.get(`/v3/deleted/images/${id}`)).status).toBe(200);
    expect(await service.journals()).toEqual([id]);
    service.open();
    await service.ims.settle();
    expect(await service.journals()).toEqual([]);
    expect(await service.keys("a/")).toEqual([]);
    expect(await service.keys("deleted/")).toHaveLength(6);
    expect(service.store.moving).toBe(5);
  });

  it("are waited for by whoever wants the record next, who is told after IMS_MOVE_WAIT to come again", async () => {
    const { id } = await service.image("a");
    service.close();
    const deleted = service.remove(`/v3/images/${id}`);
    await service.pass(20);
    await deleted;
    const early = service.patch(`/v3/deleted/images/${id}`, undelete);
    await service.pass(20);
    expect(await early).toMatchObject({
      status: 503,
      json: { detail: expect.stringContaining("took longer than 20 s") },
    });
    const next = service.patch(`/v3/deleted/images/${id}`, undelete);
    await vi.waitUntil(() => service.store.moving > 0);
    service.open();
    expect((await next).status).toBe(204);
    expect(await service.keys("deleted/")).toEqual([]);
    expect((await service.get(`/v3/images/${id}/artifacts`)).json).toHaveLength(5);
  });

  it("are not waited for at all with IMS_MOVE_WAIT=0, and moved by the worker", async () => {
    service = createSlowService(0);
    const { id } = await service.image("a");
    service.close();
    expect((await service.remove(`/v3/images/${id}`)).status).toBe(204);
    service.open();
    const settled = service.ims.settle();
    await vi.waitUntil(async () => (await service.journals()).length === 0);
    await settled;
    expect(await service.keys("deleted/")).toHaveLength(6);
  });

  it("are waited for by whoever would be linked to them meanwhile, who then finds them gone", async () => {
    service = createSlowService(1);
    const { id, link } = await service.image("a");
    service.close();
    const deleted = service.remove(`/v3/images/${id}`);
    await service.pass(1);
    await deleted;
    const early = service.post("/v3/images", { name: "next", link });
    await service.pass(1);
    expect((await early).status).toBe(503);
    const next = service.post("/v3/images", { name: "next", link });
    service.open();
    expect((await next).status).toBe(422);
    expect((await service.patch(`/v3/deleted/images/${id}`, undelete)).status).toBe(204);
    expect(await service.keys("a/")).toHaveLength(5);
  });

  it("hold up a whole collection for IMS_MOVE_WAIT altogether", async () => {
    const ids = [(await service.image("a")).id, (await service.image("b")).id];
    service.close();
    const answer = service.remove("/v3/images");
    await service.pass(20);
    expect((await answer).status).toBe(204);
    expect((await service.get("/v3/images")).json).toEqual([]);
    expect(new Set(await service.journals())).toEqual(new Set(ids));
    service.open();
    await service.ims.settle();
    expect(await service.journals()).toEqual([]);
    expect(await service.keys("deleted/")).toHaveLength(12);
  });

  it("do not keep the worker when the service ends", async () => {
    const { id } = await service.image("a");
    service.close();
    const deleted = service.remove(`/v3/images/${id}`);
    await service.pass(20);
    await deleted;
    const ending = new AbortController();
    const settled = service.ims.settle(ending.signal);
    ending.abort();
    await settled;
    expect(await service.journals()).toEqual([id]);
  });
});

describe("an object store that is out of reach", () => {
  it("does not make a delete look refused that is decided: the worker moves when it is back", async () => {
    const { id } = await service.image("a");
    service.store.failing = true;
    expect((await service.remove(`/v3/images/${id}`)).status).toBe(204);
    expect(service.events.filter(({ event }) => event === "moves-left")).toMatchObject([{ id }]);
    await service.ims.settle();
    await service.ims.settle();
    expect(service.events.filter(({ event }) => event === "journal-stuck")).toMatchObject([{ id }]);
    expect((await service.patch(`/v3/deleted/images/${id}`, undelete)).status).toBe(503);
    service.store.failing = false;
    await service.ims.settle();
    expect(await service.keys("deleted/")).toHaveLength(6);
    expect((await service.patch(`/v3/deleted/images/${id}`, undelete)).status).toBe(204);
    expect(await service.keys("a/")).toHaveLength(5);
  });

  it("keeps an upload that is committed, and takes the same bytes again", async () => {
    const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15" };
    const { id } = (await service.post("/v3/recipes", wanted)).json;
    const { id: image } = (await service.post("/v3/images", { name: "i" })).json;
    service.store.failing = true;
    expect((await service.put(`/v3/recipes/${id}/archive`, "archive")).status).toBe(503);
    expect((await service.put(`/v3/images/${image}/artifacts/rootfs`, "rootfs")).status).toBe(503);
    service.store.failing = false;
    expect((await service.put(`/v3/recipes/${id}/archive`, "archive")).status).toBe(200);
    expect((await service.get(`/v3/recipes/${id}/archive`)).text).toBe("archive");
    expect((await service.get(`/v3/images/${image}/artifacts/rootfs`)).text).toBe("rootfs");
  });
});

describe("an operation on a whole collection", () => {
  const down = () => new DomainError("unavailable", "The object store cannot be reached.");

  it.each([
    ["v2 delete", "DELETE", "/images", undefined, false],
    ["v3 delete", "DELETE", "/v3/images", undefined, false],
    ["undelete", "PATCH", "/v3/deleted/images", undelete, true],
    ["purge", "DELETE", "/v3/deleted/images", undefined, true],
  ] as const)(
    "(%s) goes on past failures and names each by its id",
    async (_, method, path, body, deleted) => {
      const broken: string[] = [];
      for (const folder of ["a", "b", "c"]) {
        const { id } = await service.image(folder);
        if (deleted) await service.remove(`/v3/images/${id}`);
        if (folder !== "b") broken.push(id);
      }
      const { artifacts } = service.ports;
      const read = artifacts.read.bind(artifacts);
      const fails = (key: string) => /(^|\/)[ac]\//u.test(key) || broken.some((id) => key.includes(id));
      artifacts.read = async (address, range) => {
        if (fails(address.key)) throw down();
        return await read(address, range);
      };
      const answer = await service.call(method, path, body);
      expect(answer).toMatchObject({ status: 503, json: { title: "Service Unavailable" } });
      const message = ["The object store cannot be reached."];
      expect(answer.json.errors).toEqual(Object.fromEntries(broken.map((id) => [id, message])));
      const left = await service.get(deleted ? "/v3/deleted/images" : "/v3/images");
      expect(left.json.map(({ id }: { id: string }) => id)).toEqual(broken);
    },
  );

  it("tells nothing of a fault of its own but that the log has it", async () => {
    const ids = [(await service.image("a")).id, (await service.image("b")).id];
    const { artifacts } = service.ports;
    artifacts.read = async ({ key }) => {
      throw key.startsWith("a/") ? down() : new TypeError("secret");
    };
    const { status, json } = await service.remove("/v3/images");
    expect(status).toBe(503);
    expect(Object.keys(json.errors)).toEqual(ids);
    expect(JSON.stringify(json)).not.toContain("secret");
    expect(JSON.stringify(service.events)).toContain("secret");
  });
});
