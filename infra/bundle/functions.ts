import { readFileSync } from "node:fs";
import path from "node:path";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import type { Endpoint, Uses } from "../../functions/http/endpoint.ts";
import { readWranglerConfig } from "../worker/wrangler-config.ts";
import type { Target } from "./targets.ts";

const root = path.join(import.meta.dirname, "../..");
const LIST = "functions/endpoints.ts";

/** What a bundle takes in place of what its endpoint does not use. */
const ABSENT = "./functions/compose/cloud/absent.ts";

/** Of the AWS SDK, what functions do without. */
const SDK = {
  "@aws-sdk/credential-provider-node": "./adapters/aws/no-credential-chain.ts",
  bowser: "./adapters/aws/no-browsers.ts",
};
const IN_PLACE = { "#md5": "./adapters/artifacts/files/md5-inline.ts" };

/** The source file of each endpoint, by its operation: the list of endpoints says both. */
async function endpointFiles(): Promise<ReadonlyMap<string, string>> {
  const text = readFileSync(path.join(root, LIST), "utf8");
  const files = [...text.matchAll(/^import \w+ from "(\.\/[^"]+)";$/gmu)].map(([, file = ""]) => file);
  const found = new Map<string, string>();
  for (const file of files) {
    const module: { default: Endpoint } = await import(path.join(root, "functions", file));
    found.set(module.default.operation, `./functions/${file.slice(2)}`);
  }
  return found;
}

/** One function for each endpoint, `functions/<operation>`, one that serves all of them, and one for what schedules start. */
export async function functionTargets(): Promise<readonly Target[]> {
  const files = await endpointFiles();
  const single = ENDPOINTS.map(({ operation, uses, role }): Target => {
    const file = files.get(operation);
    if (file === undefined) throw new Error(`${operation} is not imported by ${LIST}.`);
    return lambda(operation, "functions/runtime/lambda.ts", {
      ...absentUnless(uses),
      ...(role === "reader" || role === "admin" ? {} : { "#authenticator": ABSENT }),
      ...(operation === "get_openapi" ? {} : { "#openapi": ABSENT }),
      "#endpoint": file,
    });
  });
  return [
    ...single,
    // Where no route leads: it knows all endpoints, to say what a path knows, and serves none.
    lambda("fallback", "functions/runtime/lambda.ts", everythingAbsent),
    lambda("all", "functions/runtime/lambda.ts", {}),
    lambda("sweeps", "functions/runtime/lambda-sweeps.ts", { "#authenticator": ABSENT, "#openapi": ABSENT }),
  ];
}

const everythingAbsent = Object.fromEntries(
  ["#authenticator", "#core", "#logs", "#objects", "#openapi", "#records"].map((name) => [name, ABSENT]),
);

/** As wrangler makes it of wrangler.toml. */
export function workerTarget(): Target {
  const { main, alias } = readWranglerConfig();
  return { folder: "worker", entries: { all: main }, alias, alone: true, runsIn: "workerd" };
}

function lambda(name: string, entry: string, alias: Readonly<Record<string, string>>): Target {
  return {
    folder: "functions",
    entries: { [name]: entry },
    alias: { ...SDK, ...IN_PLACE, ...alias },
    alone: true,
  };
}

function absentUnless({ records, objects, logs }: Uses): Record<string, string> {
  const uses = { "#records": records, "#objects": objects, "#logs": logs };
  const absent = Object.entries(uses).filter(([, used]) => used === undefined);
  const isIdle = absent.length === Object.keys(uses).length;
  return Object.fromEntries([...absent, ...(isIdle ? [["#core"]] : [])].map(([name]) => [name, ABSENT]));
}
