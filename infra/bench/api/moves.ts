import { mkdirSync, openSync, closeSync, ftruncateSync, writeSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { createLayout } from "../../../adapters/artifacts/files/layout.ts";
import { encodeTrailer } from "../../../adapters/artifacts/files/trailer.ts";
import { median } from "../measure.ts";
import { load, requestText, type Server } from "./service.ts";

const GIB = 1024 ** 3;
/** 40 GiB in all, none of it on the disk. */
const PARTS = { rootfs: 38 * GIB, kernel: GIB, initrd: GIB } as const;
const ROUNDS = 3;
const SECONDS = 3;
/** More than can be moved in that time. */
const IMAGES = 1000;
/** Leaves both processors time for the moves: about 1,500 and 6,000 requests a second with 16 and 64 connections. */
const REST_MS = 10;

/**
 * How much longer a GET's 99th percentile is while images with 40 GiB of artifacts each are deleted, restored, deleted
 * again and purged, one after the other, against the same load without that.
 */
export async function movesP99Ratio(server: Server, data: string, connections: number, request: string) {
  const plan = {
    connections,
    seconds: SECONDS,
    warmUpSeconds: 0.3,
    status: 200,
    requests: [request],
    restMs: REST_MS,
  };
  const idle: number[] = [];
  const moving: number[] = [];
  let lives = 0;
  await load(server, plan);
  for (let round = 0; round < ROUNDS; round += 1) {
    const images = await makeImages(server, data);
    idle.push((await load(server, plan)).p99Ms);
    const ending = new AbortController();
    const moves = liveAndDie(server, images, ending.signal);
    const measured = await load(server, plan).finally(() => ending.abort());
    moving.push(measured.p99Ms);
    lives += await moves;
  }
  if (lives === 0) throw new Error("No image was deleted, restored and purged during the measurement.");
  return { idleMs: median(idle), movingMs: median(moving), ratio: median(moving) / median(idle), lives };
}

/** Answers how many images have been through it all. @throws when there are too few for as long as it takes */
async function liveAndDie(server: Server, ids: readonly string[], signal: AbortSignal): Promise<number> {
  const url = `http://127.0.0.1:${server.port}`;
  for (const [lives, id] of ids.entries()) {
    if (signal.aborted) return lives;
    await expect204(`${url}/v3/images/${id}`, "DELETE");
    await expect204(`${url}/v3/deleted/images/${id}`, "PATCH", { operation: "undelete" });
    await expect204(`${url}/v3/images/${id}`, "DELETE");
    await expect204(`${url}/v3/deleted/images/${id}`, "DELETE");
  }
  throw new Error(`All ${ids.length} images were through it before the measurement's end.`);
}

async function makeImages(server: Server, data: string): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < IMAGES) ids.push(await makeImage(`http://127.0.0.1:${server.port}`, data));
  return ids;
}

async function makeImage(url: string, data: string): Promise<string> {
  const made = await json(`${url}/v3/images`, "POST", { name: "large" });
  const { id } = v.parse(v.object({ id: v.string() }), made);
  for (const [name, size] of Object.entries(PARTS)) putSparse(data, `${id}/${name}`, size);
  await json(`${url}/v3/images/${id}/manifest`, "POST");
  return id;
}

/** An object as the file store keeps it, but for its content, which is a hole. */
function putSparse(data: string, key: string, size: number): void {
  const layout = createLayout(path.join(data, "artifacts"));
  const file = layout.objectFile({ bucket: "boot-images", key });
  mkdirSync(path.dirname(file), { recursive: true });
  const digest = "0".repeat(32);
  const trailer = encodeTrailer({
    size,
    etag: digest,
    md5: digest,
    sha256: digest.repeat(2),
    contentType: "application/octet-stream",
    metadata: {},
    modified: new Date().toISOString(),
  });
  const fd = openSync(file, "wx", 0o600);
  ftruncateSync(fd, size);
  writeSync(fd, trailer, 0, trailer.length, size);
  closeSync(fd);
}

async function send(url: string, method: string, body?: unknown): Promise<Response> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { "content-type": "application/json" },
  });
  if (response.ok) return response;
  throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`);
}

async function json(url: string, method: string, body?: unknown): Promise<unknown> {
  return await (await send(url, method, body)).json();
}

async function expect204(url: string, method: string, body?: unknown): Promise<void> {
  const { status } = await send(url, method, body);
  if (status !== 204) throw new Error(`${method} ${url} answered ${status}`);
}

export const getImage = (id: string): string => requestText("GET", `/v3/images/${id}`);
