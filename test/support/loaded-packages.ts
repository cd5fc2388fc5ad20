const HOOK = `
import { registerHooks } from "node:module";
const seen = new Set();
registerHooks({ load(url, context, next) {
  const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
  if (name !== undefined && !seen.has(name)) process.stderr.write("loads " + name + "\\n");
  seen.add(name);
  return next(url, context);
} });`;

/** For a service process: has it say which packages it loads, as it loads them. */
export const tellingPackages = {
  NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(HOOK)}`,
};

/** Names of the packages that a process has loaded so far. */
export function loadedPackages(output: string): string[] {
  return [...output.matchAll(/^loads (\S+)$/gmu)].map(([, name = ""]) => name).toSorted();
}

export const ofAws = (name: string): boolean => /^@(?:aws-sdk|smithy|aws-crypto)\//u.test(name);
