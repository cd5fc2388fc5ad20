import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../support/archives.ts";
import { bytesOf, hexDigest } from "../support/artifact-content.ts";
import { filesBelow } from "../support/file-artifacts.ts";
import { putStream } from "../support/put-stream.ts";
import { type ServiceProcess, startService } from "../support/service-process.ts";

const PART = 5 * 1024 * 1024;
const SENDER = fileURLToPath(new URL("../support/part-sender.ts", import.meta.url));
const ROUNDS = Number(process.env["IMS_CRASH_ROUNDS"] ?? 3);

const whole = bytesOf(4 * PART + 12_345);
const sha256 = hexDigest("sha256", whole);
const partOf = (number: number) => whole.slice((number - 1) * PART, number * PART);
const NUMBERS = [1, 2, 3, 4, 5];

function clientOf(service: ServiceProcess) {
  const call = async (method: string, path: string, body?: unknown) => {
    const init = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await service.fetch(path, { method, ...(body === undefined ? {} : init) });
    const text = await answer.text();
    return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
  };
  const urlOf = async (id: string, number: number): Promise<string> =>
    (await call("POST", `/v3/uploads/${id}/parts`, { part_numbers: [number] })).json[0].url;
  return {
    call,
    urlOf,
    async open(said: object = { sha256, size: whole.length }) {
      const image: string = (await call("POST", "/v3/images", { name: "i" })).json.id;
      const target = { image, artifact: "rootfs" };
      const opened = await call("POST", "/v3/uploads", { target, part_size: PART, ...said });
      expect(opened.status).toBe(201);
      const id: string = opened.json.id;
      return { image, id };
    },
    send: async (id: string, number: number) =>
      (await fetch(await urlOf(id, number), { method: "PUT", body: partOf(number) })).status,
    there: async (id: string): Promise<number[]> =>
      (await call("GET", `/v3/uploads/${id}/parts`)).json.map(
        (part: { part_number: number }) => part.part_number,
      ),
    complete: (id: string) => call("POST", `/v3/uploads/${id}/complete`),
    digestOf: async (image: string) => {
      const answer = await service.fetch(`/v3/images/${image}/artifacts/rootfs`);
      return hexDigest("sha256", new Uint8Array(await answer.arrayBuffer()));
    },
  };
}

type Client = ReturnType<typeof clientOf>;

/** What the store holds beside objects, and the objects. */
async function stored({ data }: ServiceProcess) {
  const root = join(data, "artifacts");
  return {
    uploads: await readdir(join(root, "uploads")),
    incoming: await readdir(join(root, "incoming")).catch(() => []),
    objects: await filesBelow(join(root, "objects")).catch(() => []),
  };
}

describe("an upload in parts whose service is killed", () => {
  it("has every part that was answered, and goes on with the others", async () => {
    const service = await startService();
    const client = clientOf(service);
    const { id, image } = await client.open();
    const answered = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const missing = NUMBERS.filter((number) => !answered.has(number));
      const sending = Promise.allSettled(
        missing.map(async (number) => {
          if ((await client.send(id, number)) < 300) answered.add(number);
        }),
      );
      await sleep(Math.random() * 150);
      await service.end("SIGKILL");
      await sending;
      await service.start();
      expect(await client.there(id)).toEqual(expect.arrayContaining([...answered]));
    }
    const there = await client.there(id);
    for (const number of NUMBERS.filter((each) => !there.includes(each)))
      expect(await client.send(id, number)).toBe(204);
    expect(await client.complete(id)).toMatchObject({ status: 200, json: { sha256, size: whole.length } });
    expect(await client.digestOf(image)).toBe(sha256);
    expect(await stored(service)).toMatchObject({ uploads: [], incoming: [], objects: [expect.anything()] });
  });

  it("is completed once, with one answer, however often completing is cut off", async () => {
    const service = await startService();
    const client = clientOf(service);
    const images: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { id, image } = await client.open(round % 2 === 0 ? {} : undefined);
      images.push(image);
      await Promise.all(NUMBERS.map((number) => client.send(id, number)));
      const asking = Promise.allSettled([client.complete(id), client.complete(id)]);
      await sleep(Math.random() * 120);
      await service.end("SIGKILL");
      const heard = await asking;
      await service.start();
      const again = await client.complete(id);
      expect(again).toMatchObject({ status: 200, json: { sha256, size: whole.length } });
      const answers = heard.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
      for (const answer of answers) expect(answer).toEqual(again);
      expect(await client.complete(id)).toEqual(again);
      expect(await client.digestOf(image)).toBe(sha256);
    }
    const left = await stored(service);
    expect(left.objects).toHaveLength(images.length);
    expect([left.uploads, left.incoming]).toEqual([[], []]);
  });
});

describe("an upload in parts whose sender is killed", () => {
  it("goes on from another one, which sends what is not there", async () => {
    const service = await startService();
    const client = clientOf(service);
    const { id, image } = await client.open();
    const file = join(await scratchFolder(), "rootfs");
    await writeFile(file, whole);
    const start = () =>
      spawn(process.execPath, [SENDER, service.url, id, file], { stdio: ["ignore", "pipe", "inherit"] });
    for (let round = 0; round < 2; round++) {
      const sender = start();
      await Promise.race([once(sender.stdout, "data"), once(sender, "exit")]);
      await sleep(Math.random() * 40);
      sender.kill("SIGKILL");
      if (sender.exitCode === null && sender.signalCode === null) await once(sender, "exit");
    }
    const [code] = await once(start(), "exit");
    expect(code).toBe(0);
    expect(await client.there(id)).toEqual(NUMBERS);
    expect(await client.complete(id)).toMatchObject({ status: 200, json: { sha256 } });
    expect(await client.digestOf(image)).toBe(sha256);
    expect((await stored(service)).uploads).toEqual([]);
  });

  async function whileOneHangs(end: (client: Client, id: string, image: string) => Promise<void>) {
    const service = await startService();
    const client = clientOf(service);
    const { id, image } = await client.open();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield partOf(2).subarray(0, 1024 * 1024);
      await held;
    }
    const hanging = putStream(await client.urlOf(id, 2), stuck()).catch(() => 0);
    for (const number of NUMBERS) expect(await client.send(id, number)).toBe(204);
    await end(client, id, image);
    release();
    expect([0, 404, 409]).toContain(await hanging);
    expect((await stored(service)).uploads).toEqual([]);
  }

  it("can be completed while a broken connection still holds a part", async () => {
    await whileOneHangs(async (client, id, image) => {
      expect(await client.complete(id)).toMatchObject({ status: 200, json: { sha256 } });
      expect(await client.digestOf(image)).toBe(sha256);
    });
  });

  it("can be aborted while a broken connection still holds a part", async () => {
    await whileOneHangs(async (client, id) => {
      expect((await client.call("DELETE", `/v3/uploads/${id}`)).status).toBe(204);
    });
  });
});
