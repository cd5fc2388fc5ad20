/** What a bundled program may weigh, and what it may hold. */
export interface Budget {
  /** Of the programs it is for, by file below `dist`. */
  readonly files: RegExp;
  /** KiB that are read when it starts. */
  readonly startKiB: number;
  /** KiB of all that it may read while it runs. */
  readonly wholeKiB: number;
  /** npm packages that are in its start. */
  readonly starts: readonly string[];
  /** npm packages that are nowhere in it. */
  readonly never?: RegExp;
}

/** Loaded by those alone who are configured to need them. */
const HEAVY = /^(?:@aws-sdk\/|@smithy\/|ssh2$|@kubernetes\/)/u;
const TAR = ["b4a", "events-universal", "fast-fifo", "streamx", "tar-stream", "text-decoder"];

/** The first that fits counts; a program that none fits may not be built. */
export const BUDGETS: readonly Budget[] = [
  {
    files: /^server\.mjs$/u,
    startKiB: 350,
    // The client of Kubernetes alone is 4 MiB.
    wholeKiB: 6000,
    starts: ["@hono/node-server", "hono", "valibot"],
  },
  { files: /^ims\.mjs$/u, startKiB: 350, wholeKiB: 6000, starts: ["valibot", ...TAR] },
  { files: /^agent\.mjs$/u, startKiB: 250, wholeKiB: 450, starts: ["valibot", ...TAR], never: HEAVY },
  { files: /^(?:sqlite-writer|md5-thread)\.mjs$/u, startKiB: 25, wholeKiB: 25, starts: ["valibot"] },
];

/** Licences under which others' code may be part of what is shipped. */
export const LICENCES: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "Unlicense",
];
