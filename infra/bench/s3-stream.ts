// Streams so many bytes up and down through our adapter, and prints the most memory that this process has had, in MiB:
// `<AwsConfig as JSON> <bucket> <bytes>`. A process of its own: nothing else is in its memory.
import process from "node:process";
import { createS3Artifacts } from "../../adapters/artifacts/s3/artifacts.ts";
import { parseAws } from "./aws-argument.ts";
import { peakMemory } from "./measure.ts";
import { drain, someBytes } from "./stream.ts";

const [aws = "", bucket = "", bytes = "0"] = process.argv.slice(2);
const artifacts = createS3Artifacts({ aws: parseAws(aws), clock: Date, buckets: [] });
const at = { bucket, key: "memory" };
await artifacts.write(at, someBytes(Number(bytes)));
await drain((await artifacts.read(at))?.body);
await artifacts.remove(at);
process.stdout.write(`${peakMemory(process.pid)}\n`);
