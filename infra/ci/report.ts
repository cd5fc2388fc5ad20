import { readFile } from "node:fs/promises";
import { addUp } from "./totals.ts";
import type { Step } from "./totals.ts";

/** usage: report.ts NAME=EXITCODE[=REPORT.json]... : prints the totals; exit code 1 when anything failed. */
async function readStep(word: string): Promise<Step> {
  const [name = "", exitCode = "", file] = word.split("=");
  const report = file === undefined ? undefined : await readFile(file, "utf8").catch(() => "");
  return { name, exitCode: Number(exitCode), report };
}

const { passed, failed, remarks } = addUp(
  await Promise.all(process.argv.slice(2).map((word) => readStep(word))),
);
process.stdout.write(`\n${remarks.map((line) => `${line}\n`).join("")}${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
