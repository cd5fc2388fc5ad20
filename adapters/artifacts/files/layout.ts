import path from "node:path";
import type { ArtifactAddress } from "../../../core/ports/artifacts.ts";
import { checkAddress, checkBucket } from "../address.ts";
import { encodeKey } from "./names.ts";

/**
 * Where things are below the root: `objects/<bucket>/<key as path>` and, until they are complete, `incoming/<owner>-<id>` or
 * `uploads/<id>/` for those that come in parts. All of it has to be on one file system, as objects come in by renaming.
 */
export function createLayout(root: string) {
  const top = path.resolve(root);
  const objects = path.join(top, "objects");
  const bucketDirectory = (bucket: string): string => {
    checkBucket(bucket);
    return path.join(objects, bucket);
  };
  return {
    top,
    incoming: path.join(top, "incoming"),
    uploads: path.join(top, "uploads"),
    bucketDirectory,
    objectFile(address: ArtifactAddress): string {
      checkAddress(address);
      return path.join(bucketDirectory(address.bucket), ...encodeKey(address.key));
    },
  };
}

export type Layout = ReturnType<typeof createLayout>;

/** Only the service's user may look into its objects. */
export const DIRECTORY_MODE = 0o700;
export const FILE_MODE = 0o600;
