import { createS3JobLogs } from "../../../adapters/job-logs/s3/job-logs.ts";
import type { JobLogs } from "../../../core/ports/job-logs.ts";
import type { Config } from "../../config.ts";

export function openJobLogs({ jobLogs }: Pick<Config, "jobLogs">): JobLogs {
  if (jobLogs.kind !== "s3") throw new Error("A function's logs are in S3.");
  return createS3JobLogs(jobLogs);
}
