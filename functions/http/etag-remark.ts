import type { EtagRemark } from "../../core/artifacts/link-change.ts";

const STORED_ETAG = "x-ims-stored-etag";

/** For endpoints that take a link: its ETag is believed as it is sent (behaviour 48), and a difference is shown. */
export const linkHeaders = {
  [STORED_ETAG]: "The object's ETag, when the one that was sent with the link is another",
} as const;

export function etagRemark(header: (name: string, value: string) => void): EtagRemark {
  return (storedEtag) => header(STORED_ETAG, `"${storedEtag}"`);
}
