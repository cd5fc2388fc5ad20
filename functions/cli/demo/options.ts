import { parseArgs } from "node:util";
import { UsageError } from "../command.ts";

export interface DemoOptions {
  readonly boot: boolean;
  readonly keep: boolean;
  /** Keeps records in DynamoDB and objects in S3 of a LocalStack that comes and goes with the demo. */
  readonly localstack: boolean;
  /** Address of a Debian package archive; absent: the machine's own. */
  readonly mirror: string | undefined;
  readonly data: string;
}

const OPTIONS = {
  boot: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  localstack: { type: "boolean", default: false },
  mirror: { type: "string" },
  data: { type: "string", default: "./data/demo" },
} as const;

export const DEMO_HELP = `usage: ims demo [--boot] [--mirror URL] [--data FOLDER] [--keep] [--localstack]

Builds a small bootable Debian image from the sample recipe with a service of its own: makes sure that the build tools
are there, starts the service on loopback, uploads the recipe, posts a create job, follows it, and checks every
artifact of the image. Needs root, as building images does. Ctrl-C cancels the job and leaves nothing running.

  --boot         boot the image in QEMU when it is there, and wait for its greeting
  --mirror URL   Debian package archive to build from (default: what this machine's apt uses)
  --data FOLDER  where the service keeps everything (default: ./data/demo)
  --localstack   keep records in DynamoDB and objects in S3, both of a LocalStack that is started and stopped
  --keep         leave the service running in the end, until Ctrl-C

Exit code: 0 the image is complete (and has greeted, with --boot), 1 it is not, 2 wrong arguments, 130 interrupted.`;

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/u.test(new URL(text).protocol);
}

/** @throws {@link UsageError} */
export function readDemoOptions(words: readonly string[]): DemoOptions {
  const { boot, keep, localstack, mirror, data } = parse(words);
  if (mirror !== undefined && !isWebAddress(mirror))
    throw new UsageError(`--mirror is not an http or https address: ${mirror}`);
  if (data === "") throw new UsageError("--data names no folder.");
  return { boot, keep, localstack, mirror: mirror?.replace(/\/+$/u, ""), data };
}
