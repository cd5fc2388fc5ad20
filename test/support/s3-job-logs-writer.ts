// Another process with logs in S3, until it is killed: `<endpoint> <bucket> append <job> <offset>` appends to it and prints
// each size that it was answered; `<endpoint> <bucket> complete <job>` completes it.
import { writeSync } from "node:fs";
import { createS3JobLogs } from "../../adapters/job-logs/s3/job-logs.ts";
import { bytesOf } from "./artifact-content.ts";
import { localstack } from "./localstack.ts";
import { SMALL } from "./s3-job-logs.ts";

const [endpoint = "", bucket = "", verb = "", job = "", from = "0"] = process.argv.slice(2);
const logs = createS3JobLogs({ aws: { ...localstack(), endpoint }, bucket, ...SMALL });

if (verb === "complete") await logs.complete(job);
else {
  const whole = bytesOf(1_000_000);
  for (let at = Number(from); at < whole.length;) {
    at = await logs.append(job, 0, at, whole.subarray(at, at + 1 + (at % 997)));
    writeSync(1, `${at}\n`);
  }
}
