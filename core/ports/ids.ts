/** Chance comes in through here. */
export interface Ids {
  /** A random UUID, version 4, lower case. */
  uuid(): string;
  /** 256 bits that nobody can guess, base64url. */
  secret(): string;
  /** Uniform in [0, 1), for jitter. Not for secrets. */
  random(): number;
}
