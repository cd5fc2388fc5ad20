import { readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";

/** What of wrangler.toml our own bundles and tests go by, so that they are what wrangler deploys. */
const Config = v.object({
  main: v.string(),
  compatibility_date: v.string(),
  compatibility_flags: v.array(v.string()),
  alias: v.record(v.string(), v.string()),
  triggers: v.object({ crons: v.array(v.string()) }),
});
export type WranglerConfig = v.InferOutput<typeof Config>;

const FILE = path.join(import.meta.dirname, "../../wrangler.toml");

/** Tables, strings, booleans and lists of strings: what of TOML the file makes use of. @throws naming a line of another kind */
export function readWranglerConfig(text = readFileSync(FILE, "utf8")): WranglerConfig {
  const config: Record<string, unknown> = {};
  let table = config;
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const [, section] = /^\[([\w.]+)\]$/u.exec(line) ?? [];
    if (section === undefined) Object.assign(table, memberOf(line));
    else config[section] = table = {};
  }
  return v.parse(Config, config);
}

function memberOf(line: string): Record<string, unknown> {
  const [, name, value] = /^("[^"]+"|[\w-]+) = (.+)$/u.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`wrangler.toml: ${line}`);
  return { [name.replaceAll('"', "")]: JSON.parse(value) };
}
