import { generateKeyPairSync } from "node:crypto";
import * as v from "valibot";

const TYPE = "ssh-ed25519";
const Jwk = v.object({ x: v.string() });

function lengthAndBytes(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The line that OpenSSH keeps in `authorized_keys` for a raw Ed25519 public key. */
export function authorizedKey(raw: Buffer, comment: string): string {
  const blob = Buffer.concat([lengthAndBytes(Buffer.from(TYPE)), lengthAndBytes(raw)]);
  return `${TYPE} ${blob.toString("base64")} ${comment}`;
}

/** A public key made for this run. No job of the demo opens a shell, so the private half is kept nowhere. */
export function makePublicKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const { x } = v.parse(Jwk, publicKey.export({ format: "jwk" }));
  return `${authorizedKey(Buffer.from(x, "base64url"), "ims-demo")}\n`;
}
