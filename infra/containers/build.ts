// Builds container images with buildah, as root, without Docker or a registry; --help tells more.
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import * as v from "valibot";
import packageJson from "../../package.json" with { type: "json" };
import { bundle, type Bundled, root } from "../bundle/bundle.ts";
import { type DebianPackage, sbomOf } from "../bundle/sbom.ts";
import { aptSources, makeBase, OFFICIAL } from "./base.ts";
import { type Buildah, createBuildah, withRootOf } from "./buildah.ts";

const HELP = `usage: node infra/run.mjs infra/containers/build.ts agent|service... [options]

Builds the container image of the agent, or of the service, for this machine's architecture, as localhost/ims-<name>:<version>,
and writes to dist/containers:
  <name>.tar        the image as an OCI archive
  <name>.json       its reference, digest and size
  <name>.cdx.json   what is in it, in CycloneDX's format
It needs buildah, and debootstrap unless a base image is named. As root.

  --base IMAGE      a Debian 12 image to build on; else one is made from Debian's packages
  --mirror URL      Debian archive to take packages from, with <URL>-security beside it (${OFFICIAL})
  --if-changed      leaves an image as it is that was made of the same files
  --storage FOLDER  keeps images there, not where buildah and podman keep those of this machine
`;

/** What of the bundles each image holds. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  agent: ["agent.mjs"],
  service: ["server.mjs", "ims.mjs", "agent.mjs", "sqlite-writer.mjs", "md5-thread.mjs"],
};

interface Order {
  readonly name: string;
  /** Absent: made. */
  readonly base: string | undefined;
  readonly mirror: string;
  readonly buildah: Buildah;
  readonly ifChanged: boolean;
  /** Where it is written to. */
  readonly folder: string;
}

const reference = (name: string): string => `localhost/ims-${name}:${packageJson.version}`;

/** What the Containerfile copies, in a folder of its own; answers what of the bundles it took. */
async function fillContext(context: string, name: string): Promise<Bundled> {
  const dist = path.join(context, "dist");
  const { programs, packages } = await bundle(dist);
  const taken = programs.filter(({ file }) => PROGRAMS[name]?.includes(file));
  const files = new Set(taken.flatMap((program) => program.files));
  for (const file of [...files].flatMap((one) => [one, `${one}.map`]).concat("LICENSES"))
    await cp(path.join(dist, file), path.join(context, "ims", file));
  await cp(process.execPath, path.join(context, "node"));
  await cp(path.join(import.meta.dirname, name), context, { recursive: true });
  const names = new Set(taken.flatMap(({ starts, later }) => [...starts, ...later]));
  return { programs: taken, packages: packages.filter((one) => names.has(one.name)) };
}

async function buildImage(
  { name, base, mirror, buildah }: Order & { base: string },
  context: string,
): Promise<void> {
  const sources = path.join(context, "sources.list");
  await writeFile(sources, aptSources(mirror));
  // Mounted and not copied: where packages came from is not part of the image.
  const volume = `${sources}:/etc/apt/sources.list:ro`;
  const args = [`BASE=${base}`, `VERSION=${packageJson.version}`].flatMap((one) => ["--build-arg", one]);
  const what = ["--file", path.join(context, "Containerfile"), "--tag", reference(name), context];
  const how = ["--isolation", "chroot", "--layers=false", "--volume", volume];
  await buildah("build", ...how, ...args, ...what);
}

function debianPackages(listing: string): DebianPackage[] {
  return listing
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"))
    .map(([name = "", version = "", arch = ""]) => ({ name, version, arch }));
}

async function describe({ name, buildah, folder }: Order, { packages }: Bundled): Promise<void> {
  const listing = await withRootOf(buildah, reference(name), (mounted) =>
    readFile(path.join(mounted, "usr/share/ims/packages"), "utf8"),
  );
  const sbom = sbomOf({
    name: `ims-${name}`,
    version: packageJson.version,
    packages,
    node: process.versions.node,
    debian: debianPackages(listing),
  });
  await writeFile(path.join(folder, `${name}.cdx.json`), sbom);
}

/** Of all that is copied, Node by its version; packages that Debian has renewed meanwhile do not count. */
async function digestOf(context: string): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  const entries = await readdir(context, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((one) => path.join(one.parentPath, one.name));
  for (const file of files.sort()) {
    const name = path.relative(context, file);
    if (name === "node" || name.startsWith("dist/")) continue;
    hash.update(`${name}\0`).update(await readFile(file));
  }
  return hash.digest("hex");
}

const Facts = v.object({ reference: v.string(), digest: v.string(), bytes: v.number(), source: v.string() });
type Facts = v.InferOutput<typeof Facts>;

/** What was written of the image that is in the folder, if it is there. */
async function factsThere({ name, folder }: Order): Promise<Facts | undefined> {
  const text = await readFile(path.join(folder, `${name}.json`), "utf8").catch(() => "");
  const facts = v.safeParse(v.pipe(v.string(), v.parseJson(), Facts), text);
  if (!facts.success) return undefined;
  const archived = await stat(path.join(folder, `${name}.tar`)).catch(() => undefined);
  return archived?.size === facts.output.bytes ? facts.output : undefined;
}

async function archive({ name, buildah, folder }: Order, source: string): Promise<Facts> {
  const file = path.join(folder, `${name}.tar`);
  const digestFile = path.join(folder, `${name}.digest`);
  await rm(file, { force: true });
  await buildah(
    "push",
    "--quiet",
    "--digestfile",
    digestFile,
    reference(name),
    `oci-archive:${file}:${reference(name)}`,
  );
  const digest = (await readFile(digestFile, "utf8")).trim();
  await rm(digestFile);
  const { size: bytes } = await stat(file);
  const facts = { reference: reference(name), digest, bytes, source };
  await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
  return facts;
}

function report({ reference: name, digest, bytes }: Facts): void {
  process.stdout.write(`${name} ${digest}, ${(bytes / 1024 ** 2).toFixed(1)} MiB compressed\n`);
}

async function make(order: Order): Promise<void> {
  const context = await mkdtemp(path.join(tmpdir(), "ims-context-"));
  try {
    const bundled = await fillContext(context, order.name);
    const source = await digestOf(context);
    const there = await factsThere(order);
    if (order.ifChanged && there?.source === source) return report(there);
    const base = order.base ?? (await makeBase(order.buildah, order.mirror));
    await buildImage({ ...order, base }, context);
    await describe(order, bundled);
    report(await archive(order, source));
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      base: { type: "string" },
      mirror: { type: "string", default: OFFICIAL },
      storage: { type: "string" },
      "if-changed": { type: "boolean", default: false },
      help: { type: "boolean" },
    },
  });
  if (
    values.help === true ||
    positionals.length === 0 ||
    positionals.some((name) => PROGRAMS[name] === undefined)
  ) {
    process.stdout.write(HELP);
    return values.help === true ? 0 : 2;
  }
  const buildah = createBuildah(values.storage);
  const { base, mirror, "if-changed": ifChanged } = values;
  const folder = path.join(root, "dist/containers");
  await mkdir(folder, { recursive: true });
  for (const name of positionals) await make({ name, base, mirror, buildah, ifChanged, folder });
  return 0;
}

process.exitCode = await main();
