import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { collectLicences } from "./licences.ts";
import { contentOf, type Program } from "./content.ts";
import { TARGETS, type Target } from "./targets.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where outputs seem to be, wherever they are written: source maps, and so digests, tell the way from here to the source. */
const DIST = path.join(root, "dist");

/** In the folder of bundles, but not bundled: other commands make it, and it takes them long. */
export const KEPT = "containers";

export interface Bundled {
  /** In the order of the targets. */
  readonly programs: readonly Program[];
}

/**
 * Bundles into this folder: `.mjs`, ES modules for Node 24 that need nothing beside them, source maps, and `LICENSES`,
 * the terms of all that is in them. The same sources give the same bytes, wherever they lie.
 * @throws when the folder holds anything, or something bundled has no terms that are known to be fine
 */
export async function bundle(folder: string, targets: readonly Target[] = TARGETS): Promise<Bundled> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).some((name) => name !== KEPT))
    throw new Error(`${folder} is not empty: nothing is bundled over what is there.`);
  const metafiles: Metafile[] = [];
  for (const target of targets) metafiles.push(await bundleTarget(folder, target));
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  await writeFile(path.join(folder, "LICENSES"), await collectLicences(root, inputs));
  return { programs: metafiles.flatMap((metafile) => contentOf(metafile)) };
}

async function bundleTarget(folder: string, { folder: below, entries, alias }: Target): Promise<Metafile> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { ...entries },
    outdir: path.join(DIST, below),
    outExtension: { ".js": ".mjs" },
    ...(alias === undefined ? {} : { alias: { ...alias } }),
    bundle: true,
    write: false,
    metafile: true,
    // What is imported late is a file of its own: who stores locally parses nothing of the AWS SDK.
    splitting: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // Native code that ssh2 does without where it is not there.
    external: ["cpu-features", "*.node"],
    // Some dependencies are CommonJS: they ask where they are, and for Node's own modules.
    define: { __dirname: "import.meta.dirname", __filename: "import.meta.filename" },
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  for (const file of outputFiles) {
    const to = path.join(folder, path.relative(DIST, file.path));
    await mkdir(path.dirname(to), { recursive: true });
    await writeFile(to, file.contents);
  }
  return metafile;
}
