import { get, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { expect, test } from "vitest";
import type { TelemetryEvent } from "../../../core/ports/telemetry.ts";
import { piecesResponse, streamResponse } from "../../../functions/http/stream.ts";
import { sendDirectly } from "../../../functions/runtime/outgoing.ts";
import { httpServer } from "../../support/http-server.ts";

const CHUNK = 64 * 1024;

/** A server that answers every request by this, through the direct way out. */
async function serving(answer: () => Response) {
  const events: TelemetryEvent[] = [];
  const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
  const fetch = async (_: Request, env: Parameters<typeof sendDirectly>[1]) =>
    await sendDirectly(answer(), env, telemetry);
  const listener = getRequestListener(fetch);
  return { url: await httpServer((incoming, outgoing) => void listener(incoming, outgoing)), events };
}

/** Chunks that all live in one piece of memory, as the port for artifacts allows. */
async function* lentChunks(count: number): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(CHUNK);
  for (let chunk = 0; chunk < count; chunk += 1) yield memory.fill(chunk % 251);
}

async function firstAnswer(url: string): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = get(url, resolve);
    request.on("error", reject); // too late to matter once there is an answer: these tests break the connection off
  });
}

test("sends every chunk before its memory is used again, with status and headers", async () => {
  const { url } = await serving(() =>
    streamResponse(lentChunks(40), { status: 206, headers: { "x-request-id": "r-1" } }),
  );
  const answer = await fetch(url);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect(answer.status).toBe(206);
  expect(answer.headers.get("x-request-id")).toBe("r-1");
  expect(bytes.length).toBe(40 * CHUNK);
  expect(
    [...Array(40).keys()].map((chunk) => [bytes[chunk * CHUNK], bytes[chunk * CHUNK + CHUNK - 1]]),
  ).toEqual([...Array(40).keys()].map((chunk) => [chunk, chunk]));
});

test("an answer that is not made of an iterable goes the usual way", async () => {
  const { url } = await serving(() => Response.json({ hello: "world" }, { status: 201 }));
  const answer = await fetch(url);
  expect([answer.status, await answer.json()]).toEqual([201, { hello: "world" }]);
});

test("sends ready pieces as one body, to several at once, and their length ahead", async () => {
  const pieces = ["[", "1,2", ",3", "]"].map((text) => new TextEncoder().encode(text));
  const { url } = await serving(() => piecesResponse(pieces, { headers: { etag: '"e"' } }));
  const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(url)));
  for (const answer of answers) {
    expect([answer.status, answer.headers.get("etag"), answer.headers.get("content-length")]).toEqual([
      200,
      '"e"',
      "7",
    ]);
    expect(await answer.json()).toEqual([1, 2, 3]);
  }
});

test("an empty source ends the answer", async () => {
  const { url } = await serving(() => streamResponse(lentChunks(0), {}));
  expect(await (await fetch(url)).text()).toBe("");
});

test("a client that leaves in the middle of a body frees the source", async () => {
  const freed = Promise.withResolvers<string>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield* lentChunks(16);
    } finally {
      freed.resolve("freed");
    }
  }
  const { url, events } = await serving(() => streamResponse(endless(), {}));
  (await firstAnswer(url)).destroy();
  expect(await freed.promise).toBe("freed");
  expect(events).toEqual([]);
});

test("a client that leaves while the source has nothing to say frees it at once", async () => {
  const freed = Promise.withResolvers<string>();
  const silent: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => await new Promise(() => undefined),
    return: async () => {
      freed.resolve("freed");
      return { done: true, value: undefined };
    },
  };
  const { url } = await serving(() => streamResponse(silent, {}));
  (await firstAnswer(url)).destroy();
  expect(await freed.promise).toBe("freed");
});

test("a client that takes nothing for too long is cut off, which frees the source", async () => {
  const freed = Promise.withResolvers<string>();
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield* lentChunks(16);
    } finally {
      freed.resolve("freed");
    }
  }
  const { url, events } = await serving(() => streamResponse(endless(), { stallMs: 50 }));
  const answer = await firstAnswer(url);
  const broken = new Promise<unknown>((resolve) => {
    answer.on("error", resolve);
  });
  expect(await freed.promise).toBe("freed");
  answer.resume();
  expect(await broken).toMatchObject({ code: "ECONNRESET" });
  expect(events).toEqual([]);
});

test("a client that waits for a source with nothing to say is not cut off", async () => {
  async function* slow(): AsyncGenerator<Uint8Array> {
    for (let chunk = 0; chunk < 3; chunk += 1) {
      await delay(60);
      yield Buffer.from(String(chunk));
    }
  }
  const { url } = await serving(() => streamResponse(slow(), { stallMs: 20 }));
  expect(await (await fetch(url)).text()).toBe("012");
});

test("a source that fails breaks the connection, so that nobody takes a part for the whole, and says why", async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* lentChunks(2);
    throw new Error("the disk went away");
  }
  const { url, events } = await serving(() =>
    streamResponse(failing(), { headers: { "x-request-id": "r-2" } }),
  );
  const answer = await fetch(url);
  await expect(answer.arrayBuffer()).rejects.toThrow("terminated");
  expect(events).toEqual([
    { event: "answer-broken", level: "error", request_id: "r-2", reason: "Error: the disk went away" },
  ]);
});
