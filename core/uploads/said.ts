/** What a client says of the whole; digests are lower-case hex. */
export interface Said {
  readonly size?: number | undefined;
  readonly md5?: string | undefined;
  readonly sha256?: string | undefined;
}

export interface Known {
  readonly size?: number;
  readonly md5?: string;
  readonly sha256?: string;
}

/** Just what was said. */
export function known({ size, md5, sha256 }: Said): Known {
  return {
    ...(size === undefined ? {} : { size }),
    ...(md5 === undefined ? {} : { md5 }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}
