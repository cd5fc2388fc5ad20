// Writes, replaces and moves objects until it is killed: `<root> <name>`. Prints "<step> <key> <sha256>" once each is done.
import { writeSync } from "node:fs";
import { bytesOf, inChunks } from "./artifact-content.ts";
import { fileArtifacts } from "./file-artifacts.ts";

const [root = "", name = ""] = process.argv.slice(2);
const artifacts = fileArtifacts(root);
const inIms = (key: string) => ({ bucket: "ims", key });

async function live(lane: number): Promise<never> {
  for (let n = 0; ; n++) {
    const key = `${name}/${lane}/${n}`;
    const bytes = bytesOf((n % 4) * 700_000 + lane, n * 10 + lane);
    const { sha256 } = await artifacts.write(inIms(key), inChunks(bytes));
    writeSync(1, `stored ${key} ${sha256}\n`);
    await artifacts.write(inIms(`${name}/${lane}/latest`), inChunks(bytes));
    if (n % 3 !== 0) continue;
    await artifacts.move(inIms(key), inIms(`moved/${key}`));
    writeSync(1, `moved ${key} ${sha256}\n`);
  }
}

await Promise.all([1, 2, 3].map(live));
