import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createHmacSigner } from "../../../adapters/signer/hmac.ts";
import { loadOrCreateSecret } from "../../../adapters/signer/secret-file.ts";
import { scratchFolder } from "../../support/archives.ts";

const freshPath = async () => join(await scratchFolder(), "data/secret");

async function existing(bytes: Uint8Array, mode: number): Promise<string> {
  const file = await freshPath();
  await mkdir(dirname(file));
  await writeFile(file, bytes);
  await chmod(file, mode);
  return file;
}

describe("the file of the secret", () => {
  it("is made with 32 bytes that only its owner can read, and nothing beside it", async () => {
    const file = await freshPath();
    const secret = await loadOrCreateSecret(file);
    expect(secret).toHaveLength(32);
    expect(Buffer.compare(secret, await readFile(file))).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(file))).toEqual(["secret"]);
  });

  it("holds another secret each time one is made", async () => {
    const [one, other] = [
      await loadOrCreateSecret(await freshPath()),
      await loadOrCreateSecret(await freshPath()),
    ];
    expect(Buffer.compare(one, other)).not.toBe(0);
  });

  it("is read and kept when it is there", async () => {
    const file = await existing(Buffer.alloc(64, 5), 0o400);
    expect(Buffer.compare(await loadOrCreateSecret(file), Buffer.alloc(64, 5))).toBe(0);
    expect((await readFile(file)).length).toBe(64);
  });

  it("is one that all agree on who start at the same time", async () => {
    const file = await freshPath();
    const secrets = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateSecret(file)));
    expect(new Set(secrets.map((secret) => Buffer.from(secret).toString("hex"))).size).toBe(1);
    expect(await readdir(dirname(file))).toEqual(["secret"]);
  });

  it.each([0o644, 0o640, 0o604, 0o660, 0o602, 0o620])(
    "is refused when others may use it: mode %o",
    async (mode) => {
      const file = await existing(Buffer.alloc(32, 5), mode);
      await expect(loadOrCreateSecret(file)).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringMatching(/read or changed by others.*0600/u),
      });
    },
  );

  it("is refused when it is too short, and stays as it is", async () => {
    const file = await existing(Buffer.alloc(31, 5), 0o600);
    await expect(loadOrCreateSecret(file)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("too short"),
    });
    expect((await readFile(file)).length).toBe(31);
  });

  it("is refused when it is too long to be one", async () => {
    const file = await existing(Buffer.alloc(4097, 5), 0o600);
    await expect(loadOrCreateSecret(file)).rejects.toThrow("too long");
  });

  it("is refused when it is no file, or cannot be made", async () => {
    const folder = await scratchFolder();
    await chmod(folder, 0o700);
    await expect(loadOrCreateSecret(folder)).rejects.toMatchObject({ code: "unavailable" });
    const below = await existing(Buffer.alloc(32, 5), 0o600);
    await expect(loadOrCreateSecret(join(below, "secret"))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("a signer", () => {
  it("refuses a secret that is too short", () => {
    expect(() => createHmacSigner(new Uint8Array(31))).toThrow("at least 32 bytes");
  });
});
