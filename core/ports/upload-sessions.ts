import type { ArtifactAddress, ArtifactInfo, WriteOptions } from "./artifacts.ts";

/** An upload that comes in parts, as its store has to know it. */
export interface PartedUpload {
  /** Of our own; unguessable. */
  readonly id: string;
  /** Where the object is to be. */
  readonly address: ArtifactAddress;
  /** What `open` answered: the store's own name for it. */
  readonly handle: string;
  /** Of all parts but the last, which may have less. */
  readonly partBytes: number;
}

export interface OpenOptions {
  readonly contentType: string;
  /** User metadata of the object. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredPart {
  /** From 1. */
  readonly number: number;
  readonly size: number;
  /** Without quotes; changes when the part's content does. Usually its MD5. */
  readonly etag: string;
}

/** A URL that lets its bearer put this one part until it expires, again and again. */
export interface SignedPart {
  readonly number: number;
  readonly url: string;
  /** UTC, ISO 8601. */
  readonly expires_at: string;
}

export interface AssembleOptions {
  /** A content that differs becomes no object: `invalid`. The upload can only be discarded then. */
  readonly expect?: WriteOptions["expect"];
  /**
   * Whoever sent the parts counted these digests and says which parts they are: a store that would have to fetch them to
   * count again may take the sender's word.
   */
  readonly vouched?: { readonly md5: string; readonly sha256: string };
}

/** Of an upload that is under way, or was left behind. */
export interface PendingUpload extends Pick<PartedUpload, "id" | "address" | "handle"> {
  /** Milliseconds since the epoch. */
  readonly opened: number;
}

/**
 * Objects that come in parts, in any order and side by side, from clients that have a signed URL for each.
 *
 * Errors: `not-found` (there is no such upload: it was discarded, or the store gave it up), `unavailable`,
 * `storage-full`.
 */
export interface UploadSessions {
  /** Answers the store's handle. Nothing is seen of the object yet. Again with the same id: the same upload, or one beside it. */
  open(upload: Omit<PartedUpload, "handle">, options: OpenOptions): Promise<string>;

  /** URLs in the order of the numbers, each 1 to 10,000. `lifetime` in seconds, 1 to 604,800. */
  signParts(
    upload: PartedUpload,
    numbers: readonly number[],
    lifetime: number,
  ): Promise<readonly SignedPart[]>;

  /**
   * The parts that are there as a whole, by number. One that was sent again is the last that came whole. What was sent
   * before this was asked, and was answered, is there, whatever crashed since. `undefined`: they have been made the object.
   */
  parts(upload: PartedUpload): Promise<readonly StoredPart[] | undefined>;

  /**
   * Makes the object of exactly these parts, which must be all from 1 on; it is visible whole and durable when this
   * resolves, with digests as `Artifacts.write` promises. Safe to repeat, also at the same time and after a crash, until
   * it is discarded: all get the same object. `parts` as they were listed; `lost-race`: others came since then.
   */
  assemble(
    upload: PartedUpload,
    parts: readonly StoredPart[] | undefined,
    options?: AssembleOptions,
  ): Promise<ArtifactInfo>;

  /**
   * Removes all that the upload holds, but not the object that it has become. Later parts are refused. Nothing happens when
   * there is no such upload.
   */
  discard(upload: Omit<PartedUpload, "partBytes">): Promise<void>;

  /**
   * Every upload that has not been discarded, or has left something behind, of those for objects of this bucket whose key
   * is their id under `PARTED_PREFIX`; maybe others too.
   */
  pending(bucket: string): AsyncIterable<PendingUpload>;
}

/** What a part's URL says, where the service itself takes the parts. */
export interface SignedPartClaim {
  readonly id: string;
  readonly number: number;
  /** Seconds since the epoch. */
  readonly expires: number;
  readonly signature: string;
}

/** Where the service itself serves the URLs of parts. */
export interface PartReceiver {
  /** As `SignedUrlVerifier.verify`. */
  verifyPart(claim: SignedPartClaim): "ok" | "expired" | "forged";

  /**
   * Stores a part; durable when this resolves. Of several at once with one number the last to finish counts; a source that
   * throws, or a crash, leaves the part that was there. Digests as `Artifacts.write` answers them.
   *
   * Errors: `too-large` (more bytes than a part has), `invalid` (not what is expected), `conflict` (the object is being
   * made of its parts), `not-found`, `unavailable`, `storage-full`.
   */
  takePart(
    upload: PartedUpload,
    number: number,
    source: AsyncIterable<Uint8Array>,
    expect?: WriteOptions["expect"],
  ): Promise<StoredPart & { readonly md5: string; readonly sha256: string }>;
}
