import { describe, expect, it } from "vitest";
import type { Signer } from "../../core/ports/signer.ts";

/** Every promise of the port. `open` gives signers of one secret each. */
export function signerContract(name: string, open: (secret: Uint8Array) => Signer): void {
  const secret = (fill: number) => new Uint8Array(32).fill(fill);

  describe(`a signer by ${name}`, () => {
    it("verifies what it has signed", () => {
      const signer = open(secret(1));
      for (const text of ["", "a text", "Grüße \u{1F980}\0\n"])
        expect(signer.verify(text, signer.sign(text))).toBe(true);
    });

    it("computes the same in every process that has the secret", () => {
      const one = open(Buffer.from("0123456789abcdef0123456789abcdef"));
      expect(one.sign("job 1")).toBe("cgfvMOsPNVdH0VhJH13CjQHyInFR2jxNOwNikaWQw2c");
      expect(open(secret(1)).verify("a", open(secret(1)).sign("a"))).toBe(true);
    });

    it("refuses the signature of another text or another secret", () => {
      const signer = open(secret(1));
      expect(signer.verify("b", signer.sign("a"))).toBe(false);
      expect(signer.verify("a", open(secret(2)).sign("a"))).toBe(false);
    });

    it("refuses a signature that was cut, lengthened, changed or written differently", () => {
      const signer = open(secret(1));
      const signature = signer.sign("a");
      const other = signature.startsWith("A") ? "B" : "A";
      for (const bad of [
        "",
        signature.slice(0, -1),
        `${signature}A`,
        `${signature}=`,
        other + signature.slice(1),
        "ä".repeat(43),
      ])
        expect(signer.verify("a", bad)).toBe(false);
    });

    it("writes signatures in base64url", () => {
      const signer = open(secret(1));
      for (let n = 0; n < 50; n++) expect(signer.sign(`${n}`)).toMatch(/^[\w-]{43}$/u);
    });

    it("digests text with SHA-256, whatever the secret", () => {
      const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      expect(open(secret(1)).digest("")).toBe(empty);
      expect(open(secret(1)).digest("ä")).toBe(open(secret(2)).digest("ä"));
      expect(open(secret(1)).digest("ä")).not.toBe(open(secret(1)).digest("a"));
    });

    it("goes on with its secret when the caller wipes the bytes it gave", () => {
      const given = secret(1);
      const signer = open(given);
      given.fill(0);
      expect(signer.sign("a")).toBe(open(secret(1)).sign("a"));
    });
  });
}
