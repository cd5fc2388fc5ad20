/** Names an object; the same whether it lives in S3 or in local files. */
export interface ArtifactAddress {
  readonly bucket: string;
  /** 1 to 1,024 bytes of UTF-8, segments parted by `/`. Any text: `..` is a name like another, never a way out. */
  readonly key: string;
}

export interface ArtifactInfo extends ArtifactAddress {
  readonly size: number;
  /** As S3 reports it, without quotes. Changes when the content does; moves and copies keep it. */
  readonly etag: string;
  /** Lower-case hex. Always there for what `write` stored; absent for what others put into a bucket. */
  readonly md5?: string;
  readonly sha256?: string;
  readonly contentType: string;
  /** User metadata; names are lower-case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** UTC, ISO 8601. */
  readonly modified: string;
}

/** Bytes `start` to `end`, both inclusive and within the object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ArtifactContent {
  readonly info: ArtifactInfo;
  /**
   * The bytes asked for, to be read once. A chunk is lent only until the next one is asked for: copy what is to be kept.
   * Leaving the loop early frees what it holds.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface WriteOptions {
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the sender says of the content: a difference stores nothing and throws `invalid`. Digests are lower-case hex. */
  readonly expect?: { readonly size?: number; readonly md5?: string; readonly sha256?: string };
  /** More bytes than this store nothing and throw `too-large`. */
  readonly maxBytes?: number;
  /** Throws `conflict` and stores nothing when there is an object with other content under this address already. */
  readonly keepExisting?: boolean;
  /** The ETag that another store had it under: it is kept where the store can, which the answer tells. */
  readonly etag?: string;
  /** Of the parts that the ETag is made of, all of them, where they are known. Bytes. */
  readonly partSizes?: readonly number[];
}

export type SignedMethod = "GET" | "PUT";

export interface SignedUrl {
  readonly method: SignedMethod;
  readonly url: string;
  /** UTC, ISO 8601. */
  readonly expires_at: string;
  /** Of a PUT: whether its answer tells MD5 and SHA-256 of what came (`Repr-Digest`), so that none need be sent along. */
  readonly answersDigests?: boolean;
}

/**
 * Where recipes, images and other large objects live.
 *
 * Errors: `invalid` (an address that no object can have; a digest or size that differs), `too-large`, `conflict`,
 * `range-not-satisfiable`, `storage-full`, `unavailable`.
 */
export interface Artifacts {
  stat(address: ArtifactAddress): Promise<ArtifactInfo | undefined>;

  /** `undefined` when there is no such object. A range that does not lie within it throws `range-not-satisfiable`. */
  read(address: ArtifactAddress, range?: ByteRange): Promise<ArtifactContent | undefined>;

  /**
   * Stores the whole of `source` under the address, computing size, md5 and sha256 on the way in bounded memory. The
   * object becomes visible, whole and durable, just before this resolves; a source that throws, or a crash, leaves what
   * was there before. Of several writers at once the last to finish wins.
   */
  write(
    address: ArtifactAddress,
    source: AsyncIterable<Uint8Array>,
    options?: WriteOptions,
  ): Promise<ArtifactInfo>;

  /**
   * Moves an object, keeping content, metadata, content type and ETag; what was at the target is replaced. A crash
   * leaves it at the source, at the target or at both, and a repeated move ends at the target alone.
   * `undefined`: there was nothing at the source.
   */
  move(from: ArtifactAddress, to: ArtifactAddress): Promise<ArtifactInfo | undefined>;

  /** The sizes of the parts that an object's ETag is made of; absent, or `undefined`: there are none, or they are unknown. */
  partSizes?(address: ArtifactAddress): Promise<readonly number[] | undefined>;

  /** Removes an object; nothing happens when there is none. */
  remove(address: ArtifactAddress): Promise<void>;

  /** Every object whose key starts with the prefix, by key (UTF-16 order). All of them, however many. */
  list(bucket: string, prefix: string): AsyncIterable<ArtifactInfo>;

  /**
   * A URL that lets its bearer do this one thing until it expires. `lifetime` in seconds, 1 to 604,800. The bearer of a
   * PUT sends these user `metadata` with it, as `x-amz-meta-` headers, and no others: some stores refuse them else.
   */
  signUrl(
    method: SignedMethod,
    address: ArtifactAddress,
    lifetime: number,
    metadata?: Readonly<Record<string, string>>,
  ): Promise<SignedUrl>;

  /** Proves that objects can be written now. @throws `unavailable` or `storage-full` with the reason. */
  check(): Promise<void>;
}
