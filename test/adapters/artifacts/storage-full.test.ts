import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { createMd5Thread } from "../../../adapters/artifacts/files/md5.ts";
import { takeIn } from "../../../adapters/artifacts/files/intake.ts";
import { scratchFolder } from "../../support/archives.ts";
import { bytesOf, inChunks, textSource } from "../../support/artifact-content.ts";
import { fileArtifacts, filesBelow } from "../../support/file-artifacts.ts";

const run = promisify(execFile);
const storageFull = expect.objectContaining({ name: "DomainError", code: "storage-full" });
const inIms = (key: string) => ({ bucket: "ims", key });

async function* endless() {
  for (;;) yield new Uint8Array(65_536);
}

/** A file system of 4 MiB; `undefined` where only the machine's owner may mount one. */
async function smallDisk(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const folder = await scratchFolder();
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  } catch {
    return undefined;
  }
  onTestFinished(async () => void (await run("umount", [folder])));
  return folder;
}

describe("a disk that is full", () => {
  it.each([
    ["more than memory can hold", endless],
    ["a few bytes", () => textSource("1")],
  ])("ends the intake of %s as storage-full", async (_, source) => {
    const file = await open("/dev/full", "w");
    try {
      await expect(takeIn(file, source(), {}, createMd5Thread())).rejects.toEqual(storageFull);
    } finally {
      await file.close();
    }
  });

  it("keeps what is there, leaves nothing of what does not fit, and takes it once there is room", async () => {
    const disk = await smallDisk();
    if (disk === undefined) return; // the intake above stands for it
    const root = join(disk, "root");
    const artifacts = fileArtifacts(root);
    await artifacts.write(inIms("old"), inChunks(bytesOf(2_000_000)));
    for (const source of [endless(), inChunks(bytesOf(3_000_000))])
      await expect(artifacts.write(inIms("old"), source)).rejects.toEqual(storageFull);
    expect(await filesBelow(root)).toEqual(["objects/ims/old"]);
    expect((await artifacts.stat(inIms("old")))?.size).toBe(2_000_000);
    await artifacts.remove(inIms("old"));
    expect((await artifacts.write(inIms("new"), inChunks(bytesOf(3_000_000)))).size).toBe(3_000_000);
  });
});
