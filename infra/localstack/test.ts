// The tests that need a DynamoDB and an S3: npm run test:localstack, npm run test:functions [-- vitest's arguments]
import path from "node:path";
import process from "node:process";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { wholeEnvironment } from "./environment.ts";
import { localstackEnvironment, startLocalstack } from "./start.ts";

const HELP = `npm run test:localstack [-- vitest's arguments]
npm run test:functions [-- vitest's arguments]

The first runs the tests in test/localstack, the second those of deployments (--project names others). Where AWS_ENDPOINT_URL is set they use what is there, which should be empty and
nobody's; else LocalStack is installed (without Docker), started on a free port, and stopped in the end.
`;
const STOP_LIMIT_MS = 30_000;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function vitest(args: readonly string[], env: Readonly<Record<string, string>>, signal: AbortSignal) {
  const run = createRunCommand({ env: { ...wholeEnvironment(), ...env }, grace: STOP_LIMIT_MS });
  const root = path.join(import.meta.dirname, "../..");
  const program = path.join(root, "node_modules/vitest/vitest.mjs");
  const projects = args.some((arg) => arg.startsWith("--project")) ? [] : ["--project=localstack"];
  const words = [program, "run", ...projects, ...args];
  return (await run({ file: process.execPath, args: words, cwd: root, onLine: say, signal })).exitCode;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(HELP);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error("interrupted")));
  const given = process.env["AWS_ENDPOINT_URL"];
  if (given !== undefined) {
    return await vitest(args, { ...localstackEnvironment(given), ...wholeEnvironment() }, stop.signal);
  }
  const localstack = await startLocalstack({ say, signal: stop.signal });
  try {
    say(`LocalStack answers at ${localstack.endpoint}.`);
    return await vitest(args, localstack.env, stop.signal);
  } finally {
    await localstack.stop();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
