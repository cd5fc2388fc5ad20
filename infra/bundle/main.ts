// Bundles what is shipped, reports what is in it and fails when that is against a budget:
// node infra/run.mjs infra/bundle/main.ts [an empty folder; else dist, whose old bundles are removed]
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { bundle, KEPT, root } from "./bundle.ts";
import { functionTargets, workerTarget } from "./functions.ts";
import { overBudget, reportLines } from "./report.ts";
import { TARGETS } from "./targets.ts";

async function emptyDist(dist: string): Promise<void> {
  const names = await readdir(dist).catch(() => []);
  for (const name of names)
    if (name !== KEPT) await rm(path.join(dist, name), { recursive: true, force: true });
}

const [chosen] = process.argv.slice(2);
const dist = path.join(root, "dist");
if (chosen === undefined) await emptyDist(dist);
const targets = [...TARGETS, ...(await functionTargets()), workerTarget()];
const { programs } = await bundle(chosen === undefined ? dist : path.resolve(chosen), targets);
for (const line of reportLines(programs)) process.stdout.write(`${line}\n`);
const problems = overBudget(programs);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
