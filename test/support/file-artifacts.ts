import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createFileArtifacts } from "../../adapters/artifacts/files/artifacts.ts";
import { createHmacSigner } from "../../adapters/signer/hmac.ts";

/** Objects in files below the root, with the machine's time. */
export function fileArtifacts(root: string) {
  return createFileArtifacts({
    root,
    signer: createHmacSigner(new Uint8Array(32)),
    publicUrl: () => "http://127.0.0.1:9100",
    clock: { now: () => Date.now() },
  });
}

/** Every file below a folder, by its path from there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
