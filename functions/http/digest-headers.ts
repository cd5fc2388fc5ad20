import { DomainError } from "../../core/errors.ts";

interface Expectation {
  size?: number;
  md5?: string;
  sha256?: string;
}

/**
 * What a request's headers say of its bytes: `Content-Length`, `Content-MD5` (RFC 1864) and `Repr-Digest` (RFC 9530;
 * sha-256 and md5 are known, other algorithms are passed over). @throws `bad-request` for a digest that is none.
 */
export function expectationOf(headers: Headers): Expectation {
  const expect: Expectation = {};
  const length = headers.get("content-length");
  if (length !== null && /^\d{1,15}$/u.test(length)) expect.size = Number(length);
  const md5 = headers.get("content-md5");
  if (md5 !== null) expect.md5 = hexOf("Content-MD5", md5.trim(), 16);
  for (const [name, value] of reprDigests(headers.get("repr-digest"))) {
    if (name === "sha-256") expect.sha256 = hexOf("Repr-Digest", value, 32);
    if (name === "md5") expect.md5 = hexOf("Repr-Digest", value, 16);
  }
  return expect;
}

/** A header that cannot be read must not be passed over: its sender relies on the check. */
function reprDigests(header: string | null): [name: string, value: string][] {
  if (header === null) return [];
  return header.split(",").map((member) => {
    const [, name, value] = /^\s*([\w.*-]+)=:([^:]*):\s*(?:;.*)?$/u.exec(member) ?? [];
    if (name !== undefined && value !== undefined) return [name, value];
    throw new DomainError("bad-request", "Repr-Digest is not of the form sha-256=:BASE64: (RFC 9530).");
  });
}

function hexOf(header: string, base64: string, bytes: number): string {
  const wellFormed = /^[A-Za-z0-9+/]+={0,2}$/u.test(base64) && base64.length % 4 === 0;
  const binary = wellFormed ? atob(base64) : "";
  if (binary.length !== bytes)
    throw new DomainError("bad-request", `${header} is not the base64 of a digest of ${bytes} bytes.`);
  return Array.from(binary, (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

export function base64OfHex(hex: string): string {
  const bytes = hex.match(/../gu) ?? [];
  return btoa(String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte, 16))));
}

/** Digest headers of an answer with these digests. */
export function digestHeaders(digests: {
  md5?: string | undefined;
  sha256?: string | undefined;
}): Record<string, string> {
  const parts = [
    digests.sha256 === undefined ? [] : [`sha-256=:${base64OfHex(digests.sha256)}:`],
    digests.md5 === undefined ? [] : [`md5=:${base64OfHex(digests.md5)}:`],
  ].flat();
  return parts.length === 0 ? {} : { "repr-digest": parts.join(", ") };
}
