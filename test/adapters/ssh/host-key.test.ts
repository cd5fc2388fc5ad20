import { describe, expect, it } from "vitest";
import { expectPinned, fingerprint, keyLine, signaturesOf } from "../../../adapters/ssh/host-key.ts";

const wire = (kind: string, body: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(kind.length);
  return Buffer.concat([length, Buffer.from(kind), Buffer.from(body)]);
};
const key = wire("ssh-ed25519", "one");
const other = wire("ssh-ed25519", "two");

describe("host keys", () => {
  it("have the fingerprint that ssh-keygen shows", () => {
    expect(fingerprint(Buffer.alloc(0))).toBe("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
  });

  it("are kept as the line of a public key", () => {
    expect(keyLine(key)).toBe(`ssh-ed25519 ${key.toString("base64")}`);
  });

  it("are accepted when they are the pinned one, whether the key or its fingerprint was pinned", () => {
    expect(() => expectPinned("x1", keyLine(key), key)).not.toThrow();
    expect(() => expectPinned("x1", `${keyLine(key)} root@x1`, key)).not.toThrow();
    expect(() => expectPinned("x1", fingerprint(key), key)).not.toThrow();
    expect(() => expectPinned("x1", `${fingerprint(key)}=`, key)).not.toThrow();
  });

  it("are refused when they have changed, with both fingerprints", () => {
    const both = `node x1 has changed: ${fingerprint(key)} is pinned, the node shows ${fingerprint(other)}.`;
    for (const pinned of [keyLine(key), fingerprint(key)])
      expect(() => expectPinned("x1", pinned, other)).toThrow(both);
  });

  it("are asked for by their own kind, so that a node with several shows the pinned one", () => {
    expect(signaturesOf(keyLine(key))).toEqual(["ssh-ed25519"]);
    expect(signaturesOf("ssh-rsa AAAA")).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
    expect(signaturesOf(undefined)).toContain("ssh-ed25519");
    expect(signaturesOf(fingerprint(key)).length).toBeGreaterThan(1);
  });
});
