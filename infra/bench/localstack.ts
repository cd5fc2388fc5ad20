import process from "node:process";
import type { AwsConfig } from "../../adapters/aws/options.ts";
import { startLocalstack } from "../localstack/start.ts";
import { benchLocalstackArtifacts } from "./localstack-artifacts.ts";
import { benchLocalstackRecords } from "./localstack-records.ts";

/** Parts by name; each is given an emulator and answers its numbers. */
const PARTS: Readonly<Record<string, (aws: AwsConfig) => Promise<Readonly<Record<string, number>>>>> = {
  "localstack-records": benchLocalstackRecords,
  "localstack-artifacts": benchLocalstackArtifacts,
};

/** What our adapters add to the SDK's bare calls, both on a LocalStack that comes and goes with this. */
export async function benchLocalstack(
  onResult: (name: string, result: Readonly<Record<string, number>>) => void,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => stop.abort(new Error("interrupted")));
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const localstack = await startLocalstack({ say, signal: stop.signal });
  const interrupted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener("abort", () => reject(new Error("interrupted")));
  });
  try {
    for (const [name, part] of Object.entries(PARTS)) {
      say(`${name} …`);
      onResult(name, await Promise.race([part(localstack.aws), interrupted]));
    }
  } finally {
    interrupted.catch(() => undefined);
    await localstack.stop();
  }
}
