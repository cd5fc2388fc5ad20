// LocalStack for trying the service on DynamoDB and S3: npm run infra:local [-- --port N]
import process from "node:process";
import { parseArgs } from "node:util";
import { localstackEnvironment, startLocalstack } from "./start.ts";

const HELP = `npm run infra:local [-- --port N] [-- --env]

Starts LocalStack's DynamoDB and S3 on loopback, without Docker, and prints the environment that makes the service use
it. It stays until Ctrl-C; what it stores is kept in memory. Needs Python 3.11, Java 17 and Maven, which are installed by
apt on Debian and Ubuntu; the first start takes a minute.

  --port N  where it listens (4566); 0 takes a free one
  --env     prints the environment and ends, for a LocalStack that runs already (infra/localstack/compose.yaml)
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

function printEnvironment(endpoint: string): void {
  const env = { ...localstackEnvironment(endpoint), IMS_RECORDS: "dynamodb", IMS_ARTIFACTS: "s3" };
  for (const [name, value] of Object.entries(env)) say(`export ${name}=${value}`);
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/u.test(text) || port > 65_535) throw new Error(`--port is no port: ${text}`);
  return port;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4566" },
      env: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const port = readPort(values.port);
  if (values.env) return printEnvironment(`http://127.0.0.1:${port}`);
  const stop = new AbortController();
  const asked = new Promise<undefined>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(undefined));
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error("interrupted")));
  const place = port === 0 ? {} : { port };
  const localstack = await startLocalstack({ say, ...place, signal: stop.signal });
  try {
    say(`LocalStack answers at ${localstack.endpoint} until Ctrl-C. For the service, in another shell:\n`);
    printEnvironment(localstack.endpoint);
    say("npm start");
    const lines = await Promise.race([asked, localstack.ended]);
    if (lines !== undefined) throw new Error(`LocalStack ended by itself:\n${lines.join("\n")}`);
  } finally {
    await localstack.stop();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
