import { artifactsContract } from "../contract/artifacts.suite.ts";
import { freshBuckets, renamed, s3Artifacts } from "../support/s3-artifacts.ts";

function artifactsInS3(name: string, sizes: { readonly partBytes?: number } = {}): void {
  artifactsContract(name, async () => {
    const time = { now: Date.now() };
    const buckets = await freshBuckets();
    const clock = { now: () => time.now };
    return { time, artifacts: renamed(s3Artifacts(Object.values(buckets), { clock, ...sizes }), buckets) };
  });
}

artifactsInS3("S3");
artifactsInS3("S3, in parts of 5 MiB", { partBytes: 5 * 1024 * 1024 });
