import { describe, expect, it } from "vitest";
import type { ArtifactAddress, Artifacts } from "../../core/ports/artifacts.ts";
import type { SignedUrlClaim, SignedUrlVerifier } from "../../core/ports/signed-urls.ts";
import { HOSTILE_KEYS, type OpenArtifacts } from "./artifacts.suite.ts";

const PUBLIC_URL = "http://ims.example:9100/base";
export const publicUrl = (): string => PUBLIC_URL;

const inIms = (key: string): ArtifactAddress => ({ bucket: "ims", key });

interface OpenSignedUrls extends OpenArtifacts {
  readonly artifacts: Artifacts & SignedUrlVerifier;
}

/** Every promise of URLs that the service serves itself, and so verifies. */
export function signedUrlsContract(name: string, open: () => Promise<OpenSignedUrls>): void {
  describe(`signed URLs of artifacts in ${name}`, () => {
    const signed = async (method: "GET" | "PUT" = "GET", key = "some/object") => {
      const { artifacts, time } = await open();
      time.now = Date.parse("2026-02-03T04:05:06.789Z");
      const { url, ...rest } = await artifacts.signUrl(method, inIms(key), 60);
      return { artifacts, time, url, claim: claimOf(url), ...rest };
    };

    it("lets the bearer do what was signed until it expires", async () => {
      const { artifacts, time, claim, url, expires_at, method } = await signed();
      expect({ expires_at, method }).toEqual({ expires_at: "2026-02-03T04:06:06.000Z", method: "GET" });
      expect(url).toMatch(/^http:\/\/ims\.example:9100\/base\/signed\/ims\/some\/object\?/u);
      expect(claim).toMatchObject({
        method: "GET",
        bucket: "ims",
        key: "some/object",
        expires: 1_770_091_566,
      });
      expect(artifacts.verify(claim)).toBe("ok");
      time.now = Date.parse(expires_at) - 1;
      expect(artifacts.verify(claim)).toBe("ok");
      time.now += 1;
      expect(artifacts.verify(claim)).toBe("expired");
    });

    it.each<[string, Partial<SignedUrlClaim>]>([
      ["method", { method: "PUT" }],
      ["bucket", { bucket: "boot-images" }],
      ["key", { key: "some/other" }],
      ["bucket and key, with the same text", { bucket: "ims/some", key: "object" }],
      ["time", { expires: 9_999_999_999 }],
      ["time, to no number", { expires: Number.NaN }],
      ["signature", { signature: "A".repeat(43) }],
      ["signature, to none", { signature: "" }],
    ])("calls it forged when somebody changed the %s", async (_, change) => {
      const { artifacts, claim } = await signed();
      expect(artifacts.verify({ ...claim, ...change })).toBe("forged");
    });

    it("calls it forged, not expired, when it is both", async () => {
      const { artifacts, time, claim } = await signed();
      time.now += 3_600_000;
      expect(artifacts.verify({ ...claim, key: "some/other" })).toBe("forged");
    });

    it("does not take a signature that the service made for something else", async () => {
      const { artifacts, claim } = await signed();
      const other = await artifacts.signUrl("PUT", inIms("some/object"), 60);
      expect(artifacts.verify({ ...claim, signature: claimOf(other.url).signature })).toBe("forged");
    });

    it("survives the way through a URL, whatever the key", async () => {
      for (const key of HOSTILE_KEYS.filter((each) => !/(?:^|\/)\.\.?(?:$|\/)/u.test(each))) {
        const { artifacts, claim } = await signed("PUT", key);
        expect(claim.key).toBe(key);
        expect(artifacts.verify(claim)).toBe("ok");
      }
    });
  });
}

/** What a server sees of a URL after a client has made it its own. */
function claimOf(signedUrl: string): SignedUrlClaim {
  const { pathname, searchParams } = new URL(signedUrl);
  const [, bucket = "", key = ""] = /^\/base\/signed\/([^/]+)\/(.+)$/u.exec(pathname) ?? [];
  const method = searchParams.get("method") === "PUT" ? "PUT" : "GET";
  const expires = Number(searchParams.get("expires"));
  return {
    method,
    bucket,
    key: decodeURIComponent(key),
    expires,
    signature: searchParams.get("signature") ?? "",
  };
}
