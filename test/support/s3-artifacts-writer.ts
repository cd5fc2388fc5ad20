// Another process with objects in S3, until it is killed: `<endpoint> <bucket> write` writes an object in parts at `from`,
// `<endpoint> <bucket> move` moves it to `to`.
import { inChunks } from "./artifact-content.ts";
import { localstack } from "./localstack.ts";
import { PARTED, s3Artifacts, SMALL_PARTS } from "./s3-artifacts.ts";

const [endpoint = "", bucket = "", verb = ""] = process.argv.slice(2);
const artifacts = s3Artifacts([bucket], { ...SMALL_PARTS, aws: { ...localstack(), endpoint } });
const from = { bucket, key: "from" };

if (verb === "write") await artifacts.write(from, inChunks(PARTED));
else await artifacts.move(from, { bucket, key: "to" });
