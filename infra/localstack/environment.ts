import process from "node:process";

/** All of ours: installers and proxies have settings there that are this machine's affair. */
export function wholeEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
