import { DomainError } from "../errors.ts";
import type { ArtifactAddress, Artifacts } from "../ports/artifacts.ts";

/** A small object's bytes. @throws `too-large` past `maxBytes`; `undefined` when there is none. */
export async function readSmallObject(
  artifacts: Artifacts,
  address: ArtifactAddress,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const content = await artifacts.read(address);
  if (content === undefined) return undefined;
  const bytes = new Uint8Array(Math.min(content.info.size, maxBytes));
  let filled = 0;
  for await (const chunk of content.body) {
    if (filled + chunk.length > bytes.length)
      throw new DomainError("too-large", `${address.key} is larger than ${maxBytes} bytes.`);
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes.subarray(0, filled);
}

/** A source of these bytes. */
export async function* sourceOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** The text as UTF-8, or `undefined` when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
