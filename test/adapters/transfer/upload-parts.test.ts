import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createTransfer } from "../../../adapters/transfer/transfer.ts";
import { DomainError } from "../../../core/errors.ts";
import type { Digests } from "../../../core/ports/agent-tools.ts";
import { scratchFolder } from "../../support/archives.ts";
import { httpServer } from "../../support/http-server.ts";

const PART = 1_000_000;
const CONTENT = randomBytes(4 * PART + 17);
const hash = (algorithm: string, bytes: Uint8Array, form: "hex" | "base64" = "hex") =>
  createHash(algorithm).update(bytes).digest(form);
const WHOLE = { size: CONTENT.length, md5: hash("md5", CONTENT), sha256: hash("sha256", CONTENT) };

interface Given {
  /** Stands before what takes the parts; true when it has answered. */
  readonly before?: (number: number, time: number, ...given: Parameters<RequestListener>) => boolean;
  /** Numbers of parts that are there from the beginning. */
  readonly there?: readonly number[];
  readonly complete?: (digests: Digests, time: number) => void;
  readonly signal?: AbortSignal;
}

/** A service that takes parts, each by URLs that are good once, as strictly as S3. */
async function sendTo({ before = () => false, there = [], complete = () => undefined, signal }: Given = {}) {
  const file = join(await scratchFolder(), "artifact");
  await writeFile(file, CONTENT);
  const parts = new Map<number, Uint8Array>(
    there.map((number) => [number, CONTENT.subarray((number - 1) * PART, number * PART)]),
  );
  const asked: number[] = [];
  const used = new Set<string>();
  let completions = 0;
  const take = async (...[request, response]: Parameters<RequestListener>) => {
    const url = new URL(request.url ?? "", "http://localhost");
    const number = Number(url.searchParams.get("part"));
    const time = asked.filter((each) => each === number).length;
    if (used.has(url.href)) return void response.writeHead(403).end();
    used.add(url.href);
    if (before(number, time, request, response)) return;
    const bytes = await buffer(request).catch(() => undefined);
    if (bytes === undefined) return;
    const right = hash("md5", bytes, "base64") === request.headers["content-md5"];
    if (right) parts.set(number, bytes);
    response.writeHead(right ? 200 : 400).end();
  };
  const base = await httpServer((request, response) => void take(request, response));
  const progress: number[] = [];
  const retries: string[] = [];
  const sending = createTransfer({ firstPauseMs: 2, patienceMs: 2000 }).upload({
    file,
    target: async () => ({ method: "PARTS", upload: "u", part_size: PART }),
    parts: {
      there: async () => [...parts].map(([part_number, { length }]) => ({ part_number, size: length })),
      url: async (_, part) => {
        asked.push(part);
        return `${base}/?part=${part}&time=${asked.length}`;
      },
      complete: async (_, digests) => complete(digests, (completions += 1)),
    },
    onProgress: (bytes) => progress.push(bytes),
    onRetry: (reason) => retries.push(reason),
    signal: signal ?? new AbortController().signal,
  });
  const digests = await sending;
  const inOrder = [...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
  return { digests, asked, progress, retries, completions, stored: Buffer.concat(inOrder) };
}

describe("sending a file in parts", () => {
  it("sends all of them, each to a URL of its own with its MD5, and tells the digests of the whole", async () => {
    const told: Digests[] = [];
    const { digests, stored, asked, progress } = await sendTo({ complete: (each) => told.push(each) });
    expect(stored.equals(CONTENT)).toBe(true);
    expect([...asked].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect([digests, told]).toEqual([WHOLE, [WHOLE]]);
    expect(progress.at(-1)).toBe(CONTENT.length);
  });

  it("leaves out those that are there as a whole", async () => {
    const { stored, asked } = await sendTo({ there: [1, 3, 4] });
    expect(stored.equals(CONTENT)).toBe(true);
    expect([...asked].sort((a, b) => a - b)).toEqual([2, 5]);
  });

  it("sends only the part again whose connection broke, or whose URL had expired, by a fresh URL", async () => {
    const { stored, asked, retries } = await sendTo({
      before(number, time, request, response) {
        if (time > 1) return false;
        if (number === 2) request.once("data", () => request.destroy());
        if (number === 3) response.writeHead(403).end();
        if (number === 4) response.writeHead(503).end();
        return number >= 2 && number <= 4;
      },
    });
    expect(stored.equals(CONTENT)).toBe(true);
    expect([...asked].sort((a, b) => a - b)).toEqual([1, 2, 2, 3, 3, 4, 4, 5]);
    expect(retries).toHaveLength(3);
  });

  it("completes again when the answer was lost", async () => {
    const { completions } = await sendTo({
      complete(_, time) {
        if (time === 1) throw new DomainError("unavailable", "No answer.");
      },
    });
    expect(completions).toBe(2);
  });

  it("ends at once when the service refuses what was sent, or has no room", async () => {
    const refused = sendTo({
      complete() {
        throw new DomainError("invalid", "The content's sha256 is another.");
      },
    });
    await expect(refused).rejects.toMatchObject({ code: "invalid" });
    const full = sendTo({
      before(_, __, request, response) {
        request.resume();
        response.writeHead(507).end();
        return true;
      },
    });
    await expect(full).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("507"),
    });
  });

  it("ends with the signal's reason", async () => {
    const ending = new AbortController();
    const sending = sendTo({
      signal: ending.signal,
      before() {
        ending.abort(new Error("enough"));
        return true;
      },
    });
    await expect(sending).rejects.toThrow("enough");
  });
});
