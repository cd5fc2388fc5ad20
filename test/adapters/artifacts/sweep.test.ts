import { utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { sweepFileArtifacts } from "../../../adapters/artifacts/files/sweep.ts";
import { scratchFolder } from "../../support/archives.ts";
import { bytesOf, inChunks, textSource } from "../../support/artifact-content.ts";
import { fileArtifacts, filesBelow } from "../../support/file-artifacts.ts";

const DAY = 86_400_000;
const NOTHING = { files: 0, bytes: 0 };
const clock = { now: () => Date.now() };
const nextWeek = { now: () => Date.now() + 7 * DAY };

/** A store in which an upload goes on until `finish` is called. */
async function uploadUnderWay() {
  const root = await scratchFolder();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  async function* slow() {
    yield* inChunks(bytesOf(3_000_000));
    begun.resolve();
    await gate.promise;
    yield* textSource("the end");
  }
  const upload = fileArtifacts(root).write({ bucket: "ims", key: "a" }, slow());
  await begun.promise;
  const [own = ""] = await filesBelow(root);
  return { root, own: basename(own), finish: gate.resolve, upload };
}

describe("the sweep", () => {
  it("has nothing to do where nothing was ever stored", async () => {
    const root = join(await scratchFolder(), "none");
    expect(await sweepFileArtifacts({ root, clock })).toEqual(NOTHING);
  });

  it("leaves objects and running uploads of its own process alone, however old", async () => {
    const { root, upload, finish } = await uploadUnderWay();
    expect(await sweepFileArtifacts({ root, clock: nextWeek })).toEqual(NOTHING);
    finish();
    expect((await upload).size).toBe(3_000_007);
    expect(await sweepFileArtifacts({ root, clock: nextWeek })).toEqual(NOTHING);
    expect(await filesBelow(root)).toEqual(["objects/ims/a"]);
  });

  it("removes at once what a process of this machine left that has ended", async () => {
    const { root, own, upload, finish } = await uploadUnderWay();
    const [, machine = "", pid = ""] = /^(\w+)\.(\d+)\.\d+-/u.exec(own) ?? [];
    await writeFile(join(root, "incoming", `${machine}.${pid}.1-another-start-with-our-pid`), "12345");
    await writeFile(join(root, "incoming", `${machine}.4194305.77-no-such-pid`), "123");
    expect(await sweepFileArtifacts({ root, clock })).toEqual({ files: 2, bytes: 8 });
    expect(await filesBelow(root)).toEqual([join("incoming", own)]);
    finish();
    await upload;
  });

  it("gives a process it cannot see a day without a byte", async () => {
    const { root, upload, finish } = await uploadUnderWay();
    const foreign = join(root, "incoming", "0123456789abcdef.4194305.77-elsewhere");
    await writeFile(foreign, "123");
    expect(await sweepFileArtifacts({ root, clock })).toEqual(NOTHING);
    await utimes(foreign, new Date(), new Date(Date.now() - DAY - 60_000));
    expect(await sweepFileArtifacts({ root, clock })).toEqual({ files: 1, bytes: 3 });
    finish();
    await upload;
  });

  it("can be repeated by several at the same time", async () => {
    const { root, own, upload, finish } = await uploadUnderWay();
    const machine = own.split(".")[0] ?? "";
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        writeFile(join(root, "incoming", `${machine}.4194305.77-${n}`), "1"),
      ),
    );
    const swept = await Promise.all([1, 2, 3].map(() => sweepFileArtifacts({ root, clock })));
    expect(swept.reduce((sum, { files }) => sum + files, 0)).toBe(20);
    finish();
    await upload;
  });

  it("makes an upload fail as a whole that it took for a broken one", async () => {
    const { root, upload, finish } = await uploadUnderWay();
    const { rm } = await import("node:fs/promises");
    await rm(join(root, "incoming"), { recursive: true });
    finish();
    await expect(upload).rejects.toMatchObject({ code: "unavailable" });
    expect(await filesBelow(root)).toEqual([]);
  });
});
