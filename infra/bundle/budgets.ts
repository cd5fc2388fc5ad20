import { ENDPOINTS } from "../../functions/endpoints.ts";
import type { Uses } from "../../functions/http/endpoint.ts";

/** What a bundled program may weigh, and what it may hold. */
export interface Budget {
  /** Of the programs it is for, by file below `dist`. */
  readonly files: RegExp;
  /** KiB that are read when it starts. */
  readonly startKiB: number;
  /** KiB of all that it may read while it runs. */
  readonly wholeKiB: number;
  /** npm packages that are in its start. Absent: any but those that never are. */
  readonly starts?: readonly string[];
  /** npm packages that are nowhere in it. */
  readonly never?: RegExp;
}

/** Loaded by those alone who are configured to need them. */
const HEAVY = /^(?:@aws-sdk\/|@smithy\/|ssh2$|@kubernetes\/)/u;
const TAR = ["b4a", "events-universal", "fast-fifo", "streamx", "tar-stream", "text-decoder"];

const SMALL = ["aws4fetch", "hono", "valibot"];

/** The bundles of endpoints whose uses are such. */
function named(folder: string, fits: (uses: Uses) => boolean): RegExp {
  const names = ENDPOINTS.filter(({ uses }) => fits(uses)).map(({ operation }) => operation);
  return new RegExp(`^${folder}/(?:${names.join("|")})\\.mjs$`, "u");
}

const isIdle = ({ records, objects, logs }: Uses): boolean =>
  records === undefined && objects === undefined && logs === undefined;
const usesNoS3 = ({ objects, logs }: Uses): boolean => objects === undefined && logs === undefined;

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
  // It has all of the API's description, and the table of all endpoints.
  { files: /^functions\/get_openapi\.mjs$/u, startKiB: 240, wholeKiB: 240, starts: SMALL },
  { files: /^functions\/fallback\.mjs$/u, startKiB: 160, wholeKiB: 160, starts: SMALL },
  { files: named("functions", isIdle), startKiB: 100, wholeKiB: 100, starts: SMALL },
  {
    files: named("functions", usesNoS3),
    startKiB: 700,
    wholeKiB: 700,
    never: /^(?:@aws-sdk\/client-s3|ssh2|@kubernetes\/.*)$/u,
  },
  { files: /^functions\/all\.mjs$/u, startKiB: 1024, wholeKiB: 1024, never: /^(?:ssh2|@kubernetes\/.*)$/u },
  { files: /^functions\/\w+\.mjs$/u, startKiB: 900, wholeKiB: 900, never: /^(?:ssh2|@kubernetes\/.*)$/u },
  // Compressed, as Cloudflare counts, a quarter of it: a test holds that to 150 KiB.
  { files: /^worker\/all\.mjs$/u, startKiB: 500, wholeKiB: 500, starts: ["jose", ...SMALL] },
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
