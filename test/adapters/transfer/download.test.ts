import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTransfer, type TransferConfig } from "../../../adapters/transfer/transfer.ts";
import { scratchFolder } from "../../support/archives.ts";
import { httpServer } from "../../support/http-server.ts";

const CONTENT = randomBytes(300_000);
const hex = (algorithm: string, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest("hex");

interface Given extends TransferConfig {
  readonly size?: number;
  readonly md5?: string;
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

async function fetchFrom(listener: RequestListener, given: Given = {}) {
  const { size = CONTENT.length, md5, sha256, signal, ...config } = given;
  const file = join(await scratchFolder(), "fetched");
  const url = `${await httpServer(listener)}/object?signature=secret`;
  const transfer = createTransfer({ firstPauseMs: 2, patienceMs: 1000, ...config });
  const retries: string[] = [];
  const progress: number[] = [];
  await transfer.download({
    url,
    file,
    size,
    ...(md5 === undefined ? {} : { md5 }),
    ...(sha256 === undefined ? {} : { sha256 }),
    onProgress: (bytes) => progress.push(bytes),
    onRetry: (reason) => retries.push(reason),
    signal: signal ?? new AbortController().signal,
  });
  return { content: await readFile(file), retries, progress };
}

function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/u.exec(request.headers.range ?? "bytes=0-")?.[1]);
}

/** Answers ranges, and breaks off after so many bytes of each answer. */
function breakingOff(after: number, ranges: number[] = []): RequestListener {
  return (request, response) => {
    const start = startOf(request);
    ranges.push(start);
    sendPart(response, start, CONTENT.subarray(start, start + after));
  };
}

function sendPart(response: ServerResponse, start: number, part: Uint8Array): void {
  const left = CONTENT.length - start;
  const range = { "content-range": `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}` };
  response.writeHead(start === 0 ? 200 : 206, { "content-length": left, ...(start === 0 ? {} : range) });
  if (part.length === left) response.end(part);
  else response.write(part, () => response.destroy());
}

describe("fetching an object", () => {
  it("stores it and checks its digests", async () => {
    const digests = { md5: hex("md5", CONTENT), sha256: hex("sha256", CONTENT) };
    const { content, retries, progress } = await fetchFrom(breakingOff(Infinity), digests);
    expect(content.equals(CONTENT)).toBe(true);
    expect(retries).toEqual([]);
    expect(progress.at(-1)).toBe(CONTENT.length);
  });

  it("goes on where a broken connection left off", async () => {
    const ranges: number[] = [];
    const { content, retries } = await fetchFrom(breakingOff(100_000, ranges), { md5: hex("md5", CONTENT) });
    expect(content.equals(CONTENT)).toBe(true);
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges).toEqual([...ranges].sort((a, b) => a - b));
    expect(ranges.at(-1)).toBeGreaterThanOrEqual(200_000);
    expect(retries.length).toBe(ranges.length - 1);
  });

  it("begins anew when the server knows no ranges", async () => {
    let tries = 0;
    const { content } = await fetchFrom(
      (_request, response) => {
        tries += 1;
        sendPart(response, 0, tries === 1 ? CONTENT.subarray(0, 1000) : CONTENT);
      },
      { sha256: hex("sha256", CONTENT) },
    );
    expect(content.equals(CONTENT)).toBe(true);
    expect(tries).toBe(2);
  });

  it("begins anew when the server sends another range than asked for", async () => {
    const starts: number[] = [];
    const { content } = await fetchFrom((request, response) => {
      starts.push(startOf(request));
      if (starts.length === 1) return sendPart(response, 0, CONTENT.subarray(0, 1000));
      if (starts.length > 2) return sendPart(response, startOf(request), CONTENT.subarray(startOf(request)));
      sendPart(response, 5, CONTENT.subarray(5));
    });
    expect(content.equals(CONTENT)).toBe(true);
    expect(starts).toEqual([0, starts[1], 0]);
  });

  it("tries again when the server is troubled", async () => {
    const answers = [503, 500, 429];
    const { content, retries } = await fetchFrom((_request, response) => {
      const status = answers.shift();
      if (status === undefined) sendPart(response, 0, CONTENT);
      else response.writeHead(status).end();
    });
    expect(content.equals(CONTENT)).toBe(true);
    expect(retries).toEqual([
      "The server answered 503.",
      "The server answered 500.",
      "The server answered 429.",
    ]);
  });

  it("fetches an empty object", async () => {
    const { content } = await fetchFrom((_request, response) => response.end(), { size: 0 });
    expect(content.length).toBe(0);
  });
});

describe("an object that is not what it should be", () => {
  it("is refused when a digest differs, without another try", async () => {
    for (const digest of [{ md5: "0".repeat(32) }, { sha256: "0".repeat(64) }]) {
      const ranges: number[] = [];
      const fetching = fetchFrom(breakingOff(Infinity, ranges), digest);
      await expect(fetching).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining(Object.keys(digest)[0] ?? ""),
      });
      expect(ranges).toEqual([0]);
    }
  });

  it("is refused when it is larger", async () => {
    const fetching = fetchFrom(breakingOff(Infinity), { size: 1000 });
    await expect(fetching).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("larger"),
    });
  });
});

describe("an object that cannot be had", () => {
  it("is given up at once when the server says so", async () => {
    for (const status of [403, 404, 410, 302, 416]) {
      let tries = 0;
      const fetching = fetchFrom((_request, response) => {
        tries += 1;
        response.writeHead(status).end();
      });
      await expect(fetching).rejects.toMatchObject({
        code: "unavailable",
        message: `The server answered ${status}.`,
      });
      expect(tries).toBe(1);
    }
  });

  it("is given up when patience ends, telling why but not the URL", async () => {
    const fetching = fetchFrom((request) => request.socket.destroy(), { patienceMs: 50 });
    await expect(fetching).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^The connection failed \(\w+\)\.$/u),
    });
  });

  it("is given up when the server breaks off again and again", async () => {
    const endless: RequestListener = (_request, response) => sendPart(response, 0, CONTENT.subarray(0, 99));
    await expect(fetchFrom(endless, { maxTries: 4, patienceMs: 60_000 })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("is given up when the server falls silent", async () => {
    const silent: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": CONTENT.length });
      response.write("x");
    };
    await expect(fetchFrom(silent, { idleMs: 50, maxTries: 2 })).rejects.toMatchObject({
      code: "unavailable",
      message: "Nothing came for 0.05 seconds.",
    });
  });

  it("stops with the signal's reason, also while it waits", async () => {
    const cancel = new AbortController();
    const reason = new Error("cancelled");
    const fetching = fetchFrom(
      (_request, response) => {
        response.writeHead(503).end();
        setTimeout(() => cancel.abort(reason), 20);
      },
      { signal: cancel.signal, firstPauseMs: 60_000, patienceMs: 600_000 },
    );
    await expect(fetching).rejects.toBe(reason);
  });
});
