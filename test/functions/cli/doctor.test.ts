import { execFile } from "node:child_process";
import { stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { scratchFolder } from "../../support/archives.ts";

const MAIN = path.join(import.meta.dirname, "../../../functions/cli/main.ts");

/** What `ims doctor` says with this environment, and its exit code. */
async function doctor(
  env: Record<string, string>,
  ...words: string[]
): Promise<{ code: number; text: string }> {
  const run = promisify(execFile)(process.execPath, [MAIN, "doctor", ...words], {
    env: { PATH: process.env["PATH"], ...env },
  });
  return await run.then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    ({ code, stderr, stdout }: { code: number; stderr: string; stdout: string }) => ({
      code,
      text: stdout + stderr,
    }),
  );
}

describe("ims doctor", { timeout: 60_000 }, () => {
  it("names each program that jobs need and that is not there, with what it is for, and makes nothing", async () => {
    const folder = await scratchFolder();
    const tool = path.join(folder, "kiwi-ng");
    await writeFile(tool, "#!/bin/sh\n", { mode: 0o755 });
    const data = path.join(folder, "data");
    const there = await doctor({ IMS_DATA: data, IMS_KIWI: tool });
    expect(there.text).toContain("ok    storage  records: sqlite, artifacts: files, job logs: files\n");
    expect(there.text).not.toContain("kiwi-ng is not on this machine");
    const { code, text } = await doctor({ IMS_DATA: data, IMS_KIWI: `${tool}-2` });
    expect(text).toMatch(
      /^lack {2}local {2}kiwi-ng is not on this machine: kiwi-ng recipes cannot be done\.$/mu,
    );
    expect(text).toMatch(/^ {6}On Debian and Ubuntu: apt-get install kiwi\.$/mu);
    expect(code).toBe(1);
    await expect(stat(data)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("says where nothing can be stored", async () => {
    const { code, text } = await doctor({ IMS_DATA: "/proc/1/nowhere" });
    expect(text).toMatch(/^lack {2}storage {2}(?:Nothing can be written to|.*cannot)/mu);
    expect(code).toBe(1);
  });

  it("says what is wrong with the way to a cluster, or with a site's patches", async () => {
    const folder = await scratchFolder();
    const kubernetes = {
      IMS_DATA: folder,
      IMS_JOBS: "kubernetes",
      IMS_AGENT_IMAGE: "localhost/ims-agent:1",
      IMS_AGENT_URL: "http://192.0.2.1:9101",
      KUBECONFIG: path.join(folder, "kubeconfig"),
    };
    const without = await doctor(kubernetes);
    expect(without.text).toMatch(/^lack {2}kubernetes {2}The kubeconfig cannot be read/mu);
    expect(without.code).toBe(1);
    const cluster = { name: "c", cluster: { server: "https://127.0.0.1:9" } };
    const context = { name: "x", context: { cluster: "c", user: "u" } };
    const config = {
      clusters: [cluster],
      contexts: [context],
      users: [{ name: "u", user: {} }],
      "current-context": "x",
    };
    await writeFile(kubernetes.KUBECONFIG, JSON.stringify(config));
    const patches = path.join(folder, "patches.yaml");
    await writeFile(patches, "Job: { spec: { suspend: false } }");
    const patched = await doctor({ ...kubernetes, IMS_KUBERNETES_PATCHES: patches });
    expect(patched.text).toContain("spec.suspend must stay what it is");
    const silent = await doctor(kubernetes);
    expect(silent.text).toMatch(/^lack {2}kubernetes {2}Kubernetes does not answer: .*ECONNREFUSED/mu);
  });

  it("refuses arguments that it does not know", async () => {
    expect(await doctor({}, "--cure")).toMatchObject({ code: 2 });
    expect(await doctor({}, "me")).toMatchObject({ code: 2 });
  });
});
