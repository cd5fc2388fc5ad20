import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import packageJson from "../../package.json" with { type: "json" };
import { contentOf, type Program } from "./content.ts";
import { licencesText } from "./licences.ts";
import { type BundledPackage, packagesOf } from "./packages.ts";
import { sbomOf } from "./sbom.ts";
import { TARGETS, type Target } from "./targets.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where outputs seem to be, wherever they are written: source maps, and so digests, tell the way from here to the source. */
const DIST = path.join(root, "dist");

/** In the folder of bundles, but not bundled: other commands make it, and it takes them long. */
export const KEPT = "containers";

export interface Bundled {
  /** In the order of the targets. */
  readonly programs: readonly Program[];
  /** All of which something is in it, by name. */
  readonly packages: readonly BundledPackage[];
}

/**
 * Bundles into this folder: `.mjs`, ES modules for Node 24 that need nothing beside them, source maps, `LICENSES` with
 * the terms of all that is in them, and `sbom.cdx.json`, which lists it. The same sources give the same bytes, wherever
 * they lie.
 * @throws when the folder holds anything, or something bundled has no terms that are known to be fine
 */
export async function bundle(folder: string, targets: readonly Target[] = TARGETS): Promise<Bundled> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).some((name) => name !== KEPT))
    throw new Error(`${folder} is not empty: nothing is bundled over what is there.`);
  const metafiles: Metafile[] = [];
  for (const target of targets) metafiles.push(await bundleTarget(folder, target));
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = await packagesOf(root, inputs);
  const own = await readFile(path.join(root, "LICENSE"), "utf8");
  await writeFile(path.join(folder, "LICENSES"), licencesText(own, packages));
  const { name, version } = packageJson;
  await writeFile(path.join(folder, "sbom.cdx.json"), sbomOf({ name, version, packages }));
  return { programs: metafiles.flatMap((metafile) => contentOf(metafile)), packages };
}

/** Programs ask package.json for the version alone: whatever else changes in it changes no bundle. */
const versionOnly: Plugin = {
  name: "version-only",
  setup: (bundler) =>
    bundler.onLoad({ filter: /package\.json$/ }, ({ path: file }) => {
      if (path.dirname(file) !== path.dirname(DIST)) return undefined;
      return { contents: JSON.stringify({ version: packageJson.version }), loader: "json" };
    }),
};

/** Some dependencies are CommonJS: they ask where they are, and for Node's own modules. */
const FOR_NODE = {
  platform: "node",
  target: "node24",
  // Native code that ssh2 does without where it is not there.
  external: ["cpu-features", "*.node"],
  define: { __dirname: "import.meta.dirname", __filename: "import.meta.filename" },
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
} as const satisfies BuildOptions;

const FOR_WORKERD = {
  platform: "neutral",
  target: "es2024",
  external: ["node:*"],
  conditions: ["workerd", "worker", "browser"],
  mainFields: ["browser", "module", "main"],
} as const satisfies BuildOptions;

async function bundleTarget(folder: string, target: Target): Promise<Metafile> {
  const { folder: below, entries, alias, alone, runsIn } = target;
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
    splitting: alone !== true,
    minify: true,
    sourcemap: true,
    // A hundred functions would have the same sources a hundred times.
    sourcesContent: alone !== true,
    format: "esm",
    plugins: [versionOnly],
    ...(runsIn === "workerd" ? FOR_WORKERD : FOR_NODE),
    logLevel: "warning",
  });
  for (const file of outputFiles) {
    const to = path.join(folder, path.relative(DIST, file.path));
    await mkdir(path.dirname(to), { recursive: true });
    await writeFile(to, file.contents);
  }
  return metafile;
}
