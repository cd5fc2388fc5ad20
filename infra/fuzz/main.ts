// Sends a running service what its own description allows, and what it does not: npm run test:fuzz
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { createFuzzer, type FuzzRun } from "./fuzzer.ts";
import { type Outcome, outcomeOf, withoutGaps } from "./outcome.ts";
import { makeRecords } from "./records.ts";
import { ROOT, withService } from "./service.ts";

const HELP = `npm run test:fuzz [-- --report FILE] [--examples N]

Starts a service on storage of its own and lets schemathesis (https://schemathesis.readthedocs.io) read its description:
no request may be answered 5xx, or otherwise than described. Seeded: what fails once fails again.

  --report FILE   writes the totals, in the words of the test runner's JSON report
  --examples N    requests that are made up for each operation and run (40)
`;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function fuzzAll(run: RunCommand, folder: string, examples: string): Promise<Outcome[]> {
  const fuzzer = await createFuzzer(
    run,
    path.join(ROOT, "node_modules/.cache/ims-fuzz"),
    path.join(folder, "runs"),
  );
  return await withService(run, path.join(folder, "data"), async (url, token) => {
    const limit = ["--max-examples", examples];
    const runs: Omit<FuzzRun, "url" | "token">[] = [
      {
        // Nothing is deleted here, so that there is something to read and to change.
        name: "records",
        args: [
          ...limit,
          "--phases",
          "coverage,fuzzing",
          "--exclude-method",
          "DELETE",
          "--exclude-path-regex",
          "^/v3/deleted/[^/]+$",
        ],
        ids: await makeRecords(url, token),
      },
      { name: "everything", args: limit },
    ];
    const outcomes = [];
    for (const one of runs) {
      say(`\n== fuzzing: ${one.name}`);
      const { exitCode, report } = await fuzzer.fuzz({ ...one, url, token });
      const outcome = outcomeOf(one.name, report, exitCode);
      outcomes.push(one.ids === undefined ? outcome : withoutGaps(one.name, outcome));
    }
    return outcomes;
  });
}

async function main(): Promise<void> {
  const options = {
    report: { type: "string" },
    examples: { type: "string", default: "40" },
    help: { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return say(HELP);
  const folder = await mkdtemp(path.join(tmpdir(), "ims-fuzz-"));
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  const plain = createRunCommand({ env: environment(), onLine: say });
  const run: RunCommand = (command) =>
    plain({
      ...command,
      signal: AbortSignal.any([stop.signal, ...(command.signal === undefined ? [] : [command.signal])]),
    });
  try {
    const outcomes = await fuzzAll(run, folder, values.examples);
    const sum = (of: (outcome: Outcome) => number) =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0);
    const [passed, failed] = [sum((one) => one.passed), sum((one) => one.failed)];
    for (const remark of outcomes.flatMap(({ remarks }) => remarks)) say(remark);
    say(`\n${sum(({ cases }) => cases)} requests; operations: ${passed} passed, ${failed} failed`);
    const totals = { numPassedTests: passed, numFailedTests: failed, numPendingTests: 0, numTodoTests: 0 };
    if (values.report !== undefined) await writeFile(values.report, JSON.stringify(totals));
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All of ours: pip has settings there that are this machine's affair. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

await main();
