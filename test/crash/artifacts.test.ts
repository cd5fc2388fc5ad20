import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { sweepFileArtifacts } from "../../adapters/artifacts/files/sweep.ts";
import { scratchFolder } from "../support/archives.ts";
import { gathered, hexDigest } from "../support/artifact-content.ts";
import { fileArtifacts } from "../support/file-artifacts.ts";

const WRITER = fileURLToPath(new URL("../support/artifacts-crash-writer.ts", import.meta.url));
const ROUNDS = Number(process.env["IMS_CRASH_ROUNDS"] ?? 5);

/** Lets a writer run for a random time after its first acknowledgement, kills it, and answers the lines it printed. */
async function killedWriter(root: string, name: string): Promise<string[]> {
  const writer = spawn(process.execPath, [WRITER, root, name], { stdio: ["ignore", "pipe", "inherit"] });
  const printed = text(writer.stdout);
  await once(writer.stdout, "data");
  await sleep(Math.random() * 700);
  writer.kill("SIGKILL");
  await once(writer, "exit");
  // The kill may have cut the last line short; a whole one ends with a line feed.
  return (await printed).split("\n").slice(0, -1);
}

/** Digests of all objects by key, computed from their content. */
async function digests(artifacts: ReturnType<typeof fileArtifacts>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { bucket, key, sha256, size } of artifacts.list("ims", "")) {
    const body = (await gathered((await artifacts.read({ bucket, key }))?.body)) ?? Buffer.of();
    expect({ key, size, sha256 }).toEqual({ key, size: body.length, sha256: hexDigest("sha256", body) });
    found.set(key, hexDigest("sha256", body));
  }
  return found;
}

describe("objects whose writer is killed", () => {
  it(`are all there and whole, with nothing half among them, ${ROUNDS} times over`, async () => {
    const root = await scratchFolder();
    const artifacts = fileArtifacts(root);
    const acknowledged = new Map<string, { step: string; sha256: string }>();
    for (let round = 0; round < ROUNDS; round++) {
      const lines = await killedWriter(root, `round${round}`);
      for (const line of lines) {
        const [step = "", key = "", sha256 = ""] = line.split(" ");
        acknowledged.set(key, { step, sha256 });
      }
      expect(lines.length).toBeGreaterThan(0);
      const found = await digests(artifacts);
      const wrong = [...acknowledged].filter(([key, { step, sha256 }]) => {
        const places =
          step === "moved" ? [found.get(`moved/${key}`)] : [found.get(key), found.get(`moved/${key}`)];
        return !places.includes(sha256);
      });
      expect(wrong).toEqual([]);
      const leftBySource = [...acknowledged].filter(([key, { step }]) => step === "moved" && found.has(key));
      expect(leftBySource).toEqual([]);
      await sweepFileArtifacts({ root, clock: { now: () => Date.now() } });
      expect(await readdir(join(root, "incoming"))).toEqual([]);
      expect((await digests(artifacts)).size).toBe(found.size);
    }
  });
});
