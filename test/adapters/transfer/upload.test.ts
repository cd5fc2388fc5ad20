import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTransfer, type TransferConfig } from "../../../adapters/transfer/transfer.ts";
import { DomainError } from "../../../core/errors.ts";
import { scratchFolder } from "../../support/archives.ts";
import { NO_PARTS } from "../../support/steps.ts";
import { httpServer } from "../../support/http-server.ts";

const CONTENT = randomBytes(3_000_000);

interface Given extends TransferConfig {
  readonly content?: Uint8Array;
  readonly target?: (url: string) => Promise<string>;
  readonly signal?: AbortSignal;
  readonly answersDigests?: boolean;
}

async function sendTo(listener: RequestListener, given: Given = {}) {
  const { content = CONTENT, target, signal, answersDigests = false, ...config } = given;
  const file = join(await scratchFolder(), "artifact");
  await writeFile(file, content);
  const base = await httpServer(listener);
  const retries: string[] = [];
  const progress: number[] = [];
  let targets = 0;
  const digests = await createTransfer({ firstPauseMs: 2, patienceMs: 2000, ...config }).upload({
    file,
    target: async () => {
      targets += 1;
      const plain = `${base}/part?signature=${targets}`;
      const url = (await target?.(plain)) ?? plain;
      const expires_at = "2030-01-01T00:00:00.000Z";
      return {
        method: "PUT",
        url,
        headers: { "x-signed": "yes" },
        expires_at,
        answers_digests: answersDigests,
      };
    },
    parts: NO_PARTS,
    onProgress: (bytes) => progress.push(bytes),
    onRetry: (reason) => retries.push(reason),
    signal: signal ?? new AbortController().signal,
  });
  return { digests, retries, progress, targets };
}

const digest = (algorithm: string, encoding: "hex" | "base64"): string =>
  createHash(algorithm).update(CONTENT).digest(encoding);

describe("sending a file", () => {
  it("puts it in one piece, with its length and digests, and answers them", async () => {
    let seen: { method?: string; headers: Record<string, unknown>; body: Buffer } | undefined;
    const { digests, progress } = await sendTo((request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => {
        seen = { method: request.method ?? "", headers: request.headers, body: Buffer.concat(chunks) };
        response.writeHead(200).end("{}");
      });
    });
    expect(seen?.body.equals(CONTENT)).toBe(true);
    expect(seen).toMatchObject({
      method: "PUT",
      headers: {
        "x-signed": "yes",
        "content-length": `${CONTENT.length}`,
        "content-md5": digest("md5", "base64"),
        "repr-digest": `sha-256=:${digest("sha256", "base64")}:`,
      },
    });
    expect(seen?.headers).not.toHaveProperty("transfer-encoding");
    expect(digests).toEqual({
      size: CONTENT.length,
      md5: digest("md5", "hex"),
      sha256: digest("sha256", "hex"),
    });
    expect(progress.at(-1)).toBe(CONTENT.length);
  });

  it("sends no digests to where they are counted, and compares those of what came", async () => {
    const seen: unknown[] = [];
    const answers = [
      "md5=:AAAA:",
      `sha-256=:${digest("sha256", "base64")}:, md5=:${digest("md5", "base64")}:`,
    ];
    const { digests, retries } = await sendTo(
      (request, response) => {
        seen.push(request.headers["content-md5"], request.headers["repr-digest"]);
        const answer = answers.shift() ?? "";
        request.resume().on("end", () => response.writeHead(204, { "repr-digest": answer }).end());
      },
      { answersDigests: true },
    );
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
    expect(digests).toEqual({
      size: CONTENT.length,
      md5: digest("md5", "hex"),
      sha256: digest("sha256", "hex"),
    });
    expect(retries).toEqual(["The service did not tell the digests of what came."]);
  });

  it("is not content with other bytes than it sent", async () => {
    const wrong = createHash("sha256").digest("base64");
    const sending = sendTo(
      (request, response) =>
        void request.resume().on("end", () => {
          response.writeHead(204, { "repr-digest": `sha-256=:${wrong}:, md5=:${digest("md5", "base64")}:` });
          response.end();
        }),
      { answersDigests: true, maxTries: 2 },
    );
    await expect(sending).rejects.toMatchObject({
      code: "unavailable",
      message: "What came is not what was sent.",
    });
  });

  it("sends an empty file", async () => {
    const { digests } = await sendTo(
      (request, response) => void request.resume().on("end", () => response.end()),
      {
        content: new Uint8Array(),
      },
    );
    expect(digests.size).toBe(0);
  });

  it("asks for a fresh target for each try", async () => {
    const urls: (string | undefined)[] = [];
    const { retries, targets } = await sendTo((request, response) => {
      urls.push(request.url);
      if (urls.length === 1) request.socket.destroy();
      else request.resume().on("end", () => response.writeHead(urls.length === 2 ? 503 : 201).end());
    });
    expect(urls).toEqual(["/part?signature=1", "/part?signature=2", "/part?signature=3"]);
    expect(targets).toBe(3);
    expect(retries[1]).toBe("The service refused it with HTTP 503.");
  });

  it("takes a URL that has expired for a reason to ask for another", async () => {
    let tries = 0;
    const { retries } = await sendTo((request, response) => {
      tries += 1;
      request.resume().on("end", () => response.writeHead(tries === 1 ? 403 : 200).end());
    });
    expect(retries).toEqual(["The service refused it with HTTP 403."]);
  });

  it("tries again when the service has no target for now", async () => {
    let asked = 0;
    const { targets } = await sendTo(
      (request, response) => void request.resume().on("end", () => response.end()),
      {
        target: (url) => {
          asked += 1;
          return asked === 1
            ? Promise.reject(new DomainError("unavailable", "restarting"))
            : Promise.resolve(url);
        },
      },
    );
    expect(targets).toBe(2);
  });
});

describe("a file that cannot be sent", () => {
  const answering =
    (status: number): RequestListener =>
    (request, response) =>
      void request.resume().on("end", () => response.writeHead(status).end());

  it("is given up at once when no other try can help", async () => {
    const retries: number[] = [];
    for (const status of [400, 413, 507]) {
      const sending = sendTo((request, response) => {
        retries.push(status);
        answering(status)(request, response);
      });
      await expect(sending).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining(`${status}`),
      });
    }
    expect(retries).toEqual([400, 413, 507]);
  });

  it("is given up after a few refusals of fresh targets", async () => {
    let tries = 0;
    const sending = sendTo((request, response) => {
      tries += 1;
      answering(422)(request, response);
    });
    await expect(sending).rejects.toMatchObject({ code: "unavailable" });
    expect(tries).toBe(3);
  });

  it("learns of a refusal before everything is sent", async () => {
    const sending = sendTo((_request, response) => response.writeHead(413, { connection: "close" }).end(), {
      content: Buffer.alloc(64 * 1024 * 1024),
      maxTries: 1,
    });
    await expect(sending).rejects.toMatchObject({ code: "unavailable" });
  });

  it("is given up after a bounded number of tries", async () => {
    let tries = 0;
    const sending = sendTo(
      (request, response) => {
        tries += 1;
        answering(500)(request, response);
      },
      { maxTries: 4, patienceMs: 60_000 },
    );
    await expect(sending).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("500"),
    });
    expect(tries).toBe(4);
  });

  it("hands on what the service says for good", async () => {
    const gone = new DomainError("gone", "the job is gone");
    await expect(sendTo(answering(200), { target: () => Promise.reject(gone) })).rejects.toBe(gone);
  });

  it("stops with the signal's reason in the middle", async () => {
    const cancel = new AbortController();
    const reason = new Error("cancelled");
    const sending = sendTo(() => cancel.abort(reason), { signal: cancel.signal });
    await expect(sending).rejects.toBe(reason);
  });
});
