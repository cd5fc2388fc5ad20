import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { scratchFolder } from "../../support/archives.ts";
import { fileArtifacts } from "../../support/file-artifacts.ts";
import { store, storeImage } from "../../support/images.ts";
import { createSqliteRecords } from "../../../adapters/records/sqlite.ts";
import { createTestService } from "../../support/ims.ts";

const MAIN = path.join(import.meta.dirname, "../../../functions/cli/main.ts");

/** What `ims audit` prints of the store in a folder, and its exit code. */
async function audit(data: string): Promise<{ code: number; lines: string[] }> {
  const env = { PATH: process.env["PATH"], IMS_DATA: data };
  const run = promisify(execFile)(process.execPath, [MAIN, "audit"], { env });
  const { code, stdout } = await run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, lines: stdout.trim().split("\n") };
}

it("ims audit lists objects that nobody names, uploads, and objects that records miss, and is content without", async () => {
  const data = await scratchFolder();
  const records = await createSqliteRecords({ path: path.join(data, "records.sqlite") });
  const artifacts = fileArtifacts(path.join(data, "artifacts"));
  const service = createTestService({}, { records, artifacts });
  const kept = (await service.post("/v3/images", { name: "i", link: await storeImage(artifacts, "a") })).json;
  const gone = (await service.post("/v3/images", { name: "j", link: await storeImage(artifacts, "b") })).json;
  await service.put(
    `/v3/images/${(await service.post("/v3/images", { name: "k" })).json.id}/artifacts/rootfs`,
    "r",
  );
  await service.remove(`/v3/images/${gone.id}`);
  expect(await audit(data)).toEqual({
    code: 0,
    lines: ["0 orphans (0 bytes), 0 uploads (0 bytes), 0 missing"],
  });
  await store(artifacts, "ims", "left/over", "1234567");
  await store(artifacts, "boot-images", "uploads/x", "123");
  await artifacts.remove({ bucket: "boot-images", key: "a/kernel" });
  await artifacts.remove({ bucket: "boot-images", key: "deleted/b/initrd" });
  expect(await audit(data)).toEqual({
    code: 1,
    lines: [
      "orphan   7 bytes  s3://ims/left/over",
      "upload   3 bytes  s3://boot-images/uploads/x",
      `missing  s3://boot-images/a/kernel  of image ${kept.id}`,
      `missing  s3://boot-images/deleted/b/initrd  of deleted-image ${gone.id}`,
      "1 orphans (7 bytes), 1 uploads (3 bytes), 2 missing",
    ],
  });
  await records.close();
});
