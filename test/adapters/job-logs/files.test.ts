import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createFileJobLogs } from "../../../adapters/job-logs/files.ts";
import { scratchFolder } from "../../support/archives.ts";
import { filesBelow } from "../../support/file-artifacts.ts";

const JOB = "0b5b0e5e-5d0f-4f0c-9b0a-1d2e3f405162";

describe("job logs in files", () => {
  it("are a file for each stream, for the eyes of the service's user only", async () => {
    const root = join(await scratchFolder(), "logs");
    const logs = createFileJobLogs({ root });
    await logs.append(JOB, 0, 0, Buffer.from("one\n"));
    await logs.append(JOB, 1, 0, Buffer.from("two\n"));
    expect(await filesBelow(root)).toEqual([`${JOB}/0.log`, `${JOB}/1.log`]);
    expect(await readFile(join(root, JOB, "1.log"), "utf8")).toBe("two\n");
    const modes = [root, join(root, JOB), join(root, JOB, "0.log")].map(
      async (path) => (await stat(path)).mode & 0o777,
    );
    expect(await Promise.all(modes)).toEqual([0o700, 0o700, 0o600]);
  });

  it("pass over files that are no stream", async () => {
    const root = await scratchFolder();
    const logs = createFileJobLogs({ root });
    await logs.append(JOB, 0, 0, Buffer.from("one"));
    await writeFile(join(root, JOB, "notes.txt"), "x");
    await writeFile(join(root, JOB, "1.log~"), "x");
    expect(await logs.totalSize(JOB)).toBe(3);
  });

  it("are unavailable when they cannot be read, with the cause kept and no path told", async () => {
    const root = await scratchFolder();
    await mkdir(join(root, JOB, "0.log"), { recursive: true });
    const logs = createFileJobLogs({ root });
    const failure: unknown = await logs.append(JOB, 0, 0, Buffer.from("x")).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "DomainError", code: "unavailable", cause: { code: "EISDIR" } });
    expect(String(failure)).not.toContain(root);
  });
});
