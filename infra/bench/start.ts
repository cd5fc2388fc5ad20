import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { bundle } from "../bundle/bundle.ts";
import { freePort } from "../../adapters/process/free-port.ts";
import { answered, end, median } from "./measure.ts";

const ROUNDS = 11;

const EMPTY = `import { createServer } from "node:http";
createServer((_, response) => response.end("{}")).listen(Number(process.env.IMS_PORT), "127.0.0.1");
`;

/** Start to first answered request, against an empty program that listens; the three in turn, so that all see the same machine. */
export async function benchStart(root: string) {
  const folder = mkdtempSync(path.join(tmpdir(), "ims-bench-start-"));
  try {
    writeFileSync(path.join(folder, "empty.mjs"), EMPTY);
    await bundle(path.join(folder, "dist"));
    const programs = {
      empty: [path.join(folder, "empty.mjs")],
      source: [path.join(root, "functions/runtime/node.ts")],
      bundled: [path.join(folder, "dist/server.mjs")],
    };
    const times: Record<keyof typeof programs, number[]> = { empty: [], source: [], bundled: [] };
    for (let round = 0; round <= ROUNDS; round += 1)
      for (const name of ["empty", "source", "bundled"] as const) {
        const took = await startToAnswer(programs[name], path.join(folder, `data-${name}`), root);
        // The first round fills caches.
        if (round > 0) times[name].push(took);
      }
    const [empty, source, bundled] = [median(times.empty), median(times.source), median(times.bundled)];
    return {
      emptyMs: empty,
      sourceMs: source,
      bundledMs: bundled,
      sourceRatio: source / empty,
      bundledRatio: bundled / empty,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startToAnswer(program: readonly string[], data: string, root: string): Promise<number> {
  const port = await freePort();
  const env = {
    PATH: process.env["PATH"],
    IMS_PORT: String(port),
    IMS_DATA: data,
    // As infra/run.mjs starts it.
    NODE_COMPILE_CACHE: path.join(root, "node_modules/.cache/node-compile"),
  };
  const began = performance.now();
  const child = spawn(process.execPath, program, { env, stdio: ["ignore", "ignore", "inherit"] });
  await answered(`http://127.0.0.1:${port}/healthz/live`);
  const took = performance.now() - began;
  await end(child);
  return took;
}
