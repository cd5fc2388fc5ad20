// Bundles what runs on Node into dist/, one file a program and some that they share: node infra/run.mjs infra/bundle.ts [folder]
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Programs and the threads they start; a thread's file must stand beside the program's, under this very name. */
const PROGRAMS = {
  server: "functions/runtime/node.ts",
  agent: "functions/agent/main.ts",
  "sqlite-writer": "adapters/records/sqlite-writer.ts",
  "md5-thread": "adapters/artifacts/files/md5-thread.ts",
};

/** Bundles into this folder, which is to be empty. Files are `.mjs`, ES modules for Node 24. */
export async function bundle(folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What is imported late is a file of its own: who stores locally parses nothing of the AWS SDK.
    splitting: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Some dependencies are CommonJS and ask for Node's own modules.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}

if (import.meta.main) await bundle(path.resolve(process.argv[2] ?? path.join(root, "dist")));
