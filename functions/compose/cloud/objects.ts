import type { Clock } from "../../../core/ports/clock.ts";
import type { Config } from "../../config.ts";
import type { ArtifactStore } from "../stores.ts";
import { openS3Store } from "../s3-store.ts";

export function openObjects({ artifacts, settings }: Config, clock: Clock): ArtifactStore {
  if (artifacts.kind !== "s3") throw new Error("A function's objects are in S3.");
  return openS3Store(artifacts.aws, Object.values(settings.buckets), clock);
}
