import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RunCommand } from "../../core/ports/commands.ts";
import { installPythonProgram } from "../setup/python-program.ts";
import type { Ids } from "./records.ts";

const FOLDER = import.meta.dirname;
const RUN_LIMIT_MS = 20 * 60_000;
const OPTIONS = [
  "--seed=1",
  "--workers=1",
  "--generation-database=none",
  "--report=json",
  "--report-json-path=report.json",
  "--no-color",
];

export interface FuzzRun {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly args: readonly string[];
  /** Of records that are there: requests then name them more often than ids that are made up. */
  readonly ids?: Ids;
}

export interface Fuzzer {
  /** Runs schemathesis and answers how it ended, with its report as JSON text where it left one. */
  fuzz(run: FuzzRun): Promise<{ exitCode: number; report: string | undefined }>;
}

/**
 * Schemathesis in a Python environment of its own below `cache`, made anew when the requirements change. `work` is an
 * empty folder: it keeps what it found in its folder and would try that again.
 */
export async function createFuzzer(run: RunCommand, cache: string, work: string): Promise<Fuzzer> {
  const requirements = path.join(FOLDER, "requirements.txt");
  const program = await installPythonProgram(run, cache, requirements, "schemathesis");
  return {
    async fuzz({ name, url, token, args, ids }) {
      const folder = path.join(work, name);
      await mkdir(folder, { recursive: true });
      const config = await readFile(path.join(FOLDER, "schemathesis.toml"), "utf8");
      await writeFile(
        path.join(folder, "config.toml"),
        `${bindings(ids ?? {})}${config}${dictionaries(ids ?? {})}`,
      );
      const { exitCode } = await run({
        file: program,
        args: ["--config-file", "config.toml", "run", `${url}/openapi.json`, ...OPTIONS, ...args],
        cwd: folder,
        // The order of Python's sets is drawn anew in every process otherwise, and with it what a seed gives.
        env: { IMS_FUZZ_TOKEN: token, PYTHONHASHSEED: "1" },
        signal: AbortSignal.timeout(RUN_LIMIT_MS),
      });
      return {
        exitCode,
        report: await readFile(path.join(folder, "report.json"), "utf8").catch(() => undefined),
      };
    },
  };
}

/** Half of the requests name a record that is there. What stands first in the file belongs to no table of it. */
function bindings(ids: Ids): string {
  const lines = Object.keys(ids).map(
    (name) =>
      `parameters.${JSON.stringify(name)} = { dictionary = ${JSON.stringify(name)}, probability = 0.7 }\n`,
  );
  return lines.join("");
}

function dictionaries(ids: Ids): string {
  const lines = Object.entries(ids).map(
    ([name, values]) => `${JSON.stringify(name)} = { values = ${JSON.stringify(values)} }\n`,
  );
  return lines.length === 0 ? "" : `\n[dictionaries]\n${lines.join("")}`;
}
