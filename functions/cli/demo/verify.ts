import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import type { DemoApi, DemoArtifact } from "./parts.ts";

export interface CheckedArtifact {
  readonly name: string;
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
}

/** What an image cannot boot without. */
const NEEDED = ["rootfs", "kernel", "initrd"];
const MANIFEST = "manifest";
const MANIFEST_MAX_BYTES = 1024 * 1024;

const Manifest = v.object({
  version: v.literal("1.0"),
  artifacts: v.array(
    v.object({ md5: v.optional(v.string()), link: v.object({ path: v.string() }), type: v.string() }),
  ),
});

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** Reads an artifact to its end; keeps it when there is a file to keep it in. */
async function fetchArtifact(
  api: DemoApi,
  imageId: string,
  name: string,
  file: string | undefined,
  signal: AbortSignal,
): Promise<CheckedArtifact> {
  const md5 = createHash("md5");
  const sha256 = createHash("sha256");
  let size = 0;
  const source = await api.readArtifact(imageId, name);
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      size += chunk.length;
      md5.update(chunk);
      sha256.update(chunk);
      yield chunk;
    }
  }
  const target = file === undefined ? nowhere() : createWriteStream(file);
  await pipeline(Readable.from(measured()), target, { signal });
  return { name, size, md5: md5.digest("hex"), sha256: sha256.digest("hex") };
}

/** In words, how what was downloaded differs from what the service says of it; empty when it does not. */
export function differences(said: DemoArtifact, got: CheckedArtifact): readonly string[] {
  const checks = [
    ["size", said.size, got.size],
    ["md5", said.md5, got.md5],
    ["sha256", said.sha256, got.sha256],
  ] as const;
  return checks
    .filter(([, told, found]) => told !== undefined && told !== found)
    .map(([what, told, found]) => `${said.name}: ${what} is ${found}, not ${told}`);
}

/** In words, what the manifest lacks or says differently; empty when it names exactly what was downloaded. */
export function manifestProblems(
  text: string,
  listed: readonly DemoArtifact[],
  got: readonly CheckedArtifact[],
): readonly string[] {
  const manifest = v.safeParse(v.pipe(v.string(), v.parseJson(), Manifest), text);
  if (!manifest.success) return ["the manifest is not one of version 1.0"];
  const parts = listed.filter(({ name }) => name !== MANIFEST);
  const entries = manifest.output.artifacts;
  const count = entries.length === parts.length ? [] : [`the manifest names ${entries.length} artifacts`];
  const wrong = parts.filter(({ name, link }) => {
    const entry = entries.find((one) => one.link.path === link.path);
    return entry === undefined || entry.md5 !== got.find((one) => one.name === name)?.md5;
  });
  return [...count, ...wrong.map(({ name }) => `the manifest does not name this ${name} and its md5`)];
}

async function readManifestText(api: DemoApi, imageId: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of await api.readArtifact(imageId, MANIFEST)) {
    size += chunk.length;
    if (size > MANIFEST_MAX_BYTES) throw new Error("The manifest is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export interface CheckOrder {
  readonly imageId: string;
  /** Where to keep what is downloaded, each under its name; absent: nowhere. */
  readonly folder: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Downloads every artifact of an image and compares it with what the service and the manifest say.
 * @throws with everything that is missing or differs.
 */
export async function checkImage(api: DemoApi, order: CheckOrder): Promise<readonly CheckedArtifact[]> {
  const { imageId, folder, signal } = order;
  const listed = await api.listArtifacts(imageId);
  const got: CheckedArtifact[] = [];
  for (const { name } of listed) {
    // only names that we know become names of files
    const file = folder !== undefined && NEEDED.includes(name) ? join(folder, name) : undefined;
    got.push(await fetchArtifact(api, imageId, name, file, signal));
  }
  const missing = [...NEEDED, MANIFEST].filter((name) => !got.some((one) => one.name === name));
  if (missing.length > 0) throw new Error(`The image is not complete: it has no ${missing.join(", ")}.`);
  const problems = [
    ...listed.flatMap((said, index) => {
      const found = got[index];
      return found === undefined ? [] : differences(said, found);
    }),
    ...manifestProblems(await readManifestText(api, imageId), listed, got),
  ];
  if (problems.length > 0) throw new Error(`The image is not what it should be: ${problems.join("; ")}.`);
  return got;
}
