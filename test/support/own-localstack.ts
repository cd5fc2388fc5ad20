import process from "node:process";
import { afterAll, beforeAll } from "vitest";
import { type Localstack, localstackEnvironment, startLocalstack } from "../../infra/localstack/start.ts";

const START_LIMIT_MS = 15 * 60_000;

/** For tests that run by themselves: a LocalStack for this file, unless one is given. */
export function withLocalstack(): void {
  let own: Localstack | undefined;
  beforeAll(async () => {
    const given = process.env["AWS_ENDPOINT_URL"];
    if (given !== undefined)
      return void Object.assign(process.env, { ...localstackEnvironment(given), ...process.env });
    const signal = AbortSignal.timeout(START_LIMIT_MS);
    own = await startLocalstack({ say: (line) => void process.stdout.write(`${line}\n`), signal });
    Object.assign(process.env, own.env);
  }, START_LIMIT_MS);
  afterAll(async () => {
    for (const name of Object.keys(own?.env ?? {})) delete process.env[name];
    await own?.stop();
  });
}
