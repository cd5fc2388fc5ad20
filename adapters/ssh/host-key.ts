import { createHash, timingSafeEqual } from "node:crypto";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { DomainError } from "../../core/errors.ts";

/** A node's host key as the registry keeps it: `ssh-ed25519 AAAA...`, or `SHA256:...` of it. */
export type PinnedKey = string;

/** `SHA256:...`, as ssh-keygen shows it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replaceAll("=", "")}`;
}

/** The line of a public key of this wire format, whose first field says its kind. */
export function keyLine(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  const kind = bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0));
  return `${kind} ${bytes.toString("base64")}`;
}

export function pinnedFingerprint(pinned: PinnedKey): string {
  const text = pinned.trim();
  if (text.startsWith("SHA256:")) return text.replaceAll("=", "");
  return fingerprint(Buffer.from(text.split(/\s+/u)[1] ?? "", "base64"));
}

/** The kinds of signature that show this key; all when only its fingerprint is known. */
export function signaturesOf(pinned: PinnedKey | undefined): ServerHostKeyAlgorithm[] {
  const kind = pinned?.trim().split(/\s+/u)[0] ?? "";
  if (kind === "ssh-rsa") return ["rsa-sha2-512", "rsa-sha2-256"];
  const own = ALL_SIGNATURES.filter((signature) => signature === kind);
  return own.length === 0 ? ALL_SIGNATURES : own;
}

const ALL_SIGNATURES: ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/** @throws `unavailable`, naming both fingerprints, when the node shows another key than the pinned one. */
export function expectPinned(node: string, pinned: PinnedKey, shown: Uint8Array): void {
  const [expected, actual] = [pinnedFingerprint(pinned), fingerprint(shown)];
  if (sameText(expected, actual)) return;
  throw new DomainError(
    "unavailable",
    `The host key of node ${node} has changed: ${expected} is pinned, the node shows ${actual}. ` +
      "If the node was installed anew, delete it from the registry and register it again; if not, somebody may be listening in.",
  );
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
