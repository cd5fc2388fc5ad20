import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { awsTemplate } from "../../infra/aws/template.ts";
import { wholeEnvironment } from "../../infra/localstack/environment.ts";
import { installPythonProgram } from "../../infra/setup/python-program.ts";

const root = path.join(import.meta.dirname, "../..");

it("makes a template in which cfn-lint finds nothing", { timeout: 600_000 }, async () => {
  const run = createRunCommand({ env: wholeEnvironment() });
  const requirements = path.join(root, "infra/aws/requirements.txt");
  const cache = path.join(root, "node_modules/.cache/ims-cfn-lint");
  const program = await installPythonProgram(run, cache, requirements, "cfn-lint");
  const folder = await mkdtemp(path.join(tmpdir(), "ims-template-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, "template.json");
  await writeFile(file, JSON.stringify(awsTemplate(ENDPOINTS)));
  const found: string[] = [];
  const { exitCode } = await run({
    file: program,
    args: ["--include-checks", "W", "--", file],
    onLine: (line) => void found.push(line),
    signal: AbortSignal.timeout(300_000),
  });
  expect({ exitCode, found }).toEqual({ exitCode: 0, found: [] });
});
