import { createS3Artifacts } from "../../adapters/artifacts/s3/artifacts.ts";
import { sweepS3Uploads } from "../../adapters/artifacts/s3/sweep.ts";
import { createS3Uploads } from "../../adapters/artifacts/s3/uploads.ts";
import type { AwsConfig } from "../../adapters/aws/options.ts";
import { DomainError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { PartReceiver } from "../../core/ports/upload-sessions.ts";
import type { ArtifactStore } from "./stores.ts";

export function openS3Store(aws: AwsConfig, buckets: readonly string[], clock: Clock): ArtifactStore {
  return {
    artifacts: createS3Artifacts({ aws, clock, buckets }),
    // S3 serves its URLs itself.
    signedUrls: { verify: () => "forged" },
    uploads: createS3Uploads({ aws, clock }),
    parts: elsewhere,
    sweep: () => sweepS3Uploads({ aws, clock, buckets }),
  };
}

/** For a store that takes parts itself: no URL of this service is for one. */
const elsewhere: PartReceiver = {
  verifyPart: () => "forged",
  async takePart() {
    throw new DomainError("not-found", "Parts are sent to the object store.");
  },
};
