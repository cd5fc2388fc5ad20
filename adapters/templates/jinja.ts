import type { RenderOrder } from "../../core/ports/agent-tools.ts";
import { chmod, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import * as v from "valibot";
import { DomainError, isDomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside, lookInside } from "../archive/inside.ts";
import { ANSWER_PREFIX, RENDER_SCRIPT } from "./render-script.ts";

const LIST_NAME = ".ims_recipe_template.yaml";
const MAX_LIST_BYTES = 1024 * 1024;
const MAX_RENDERED_BYTES = 64 * 1024 * 1024;
const TIME_LIMIT_MS = 120_000;

const TemplateList = v.object({ template_files: v.array(v.pipe(v.string(), v.minLength(1))) });

const Answer = v.union([
  v.object({ missing: v.string() }),
  v.object({ name: v.string(), line: v.nullable(v.number()), error: v.string() }),
  v.object({ done: v.literal(true) }),
]);
type Answer = v.InferOutput<typeof Answer>;

export interface JinjaConfig {
  readonly run: RunCommand;
  /** The interpreter that has Jinja2. */
  readonly python?: string;
}

function invalid(message: string, cause?: unknown): DomainError {
  return new DomainError("invalid", message, { cause });
}

async function parseList(text: string): Promise<readonly string[]> {
  // Most jobs have no such list, and the parser takes a while to load.
  const { parse } = await import("./yaml.ts");
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    const said = error instanceof Error ? error.message.split("\n", 1)[0] : "";
    throw invalid(`${LIST_NAME} is not YAML: ${said}`, error);
  }
  const list = v.safeParse(TemplateList, content);
  if (!list.success) throw invalid(`${LIST_NAME} must have template_files, a list of names.`);
  return list.output.template_files;
}

/** The files that a recipe wants rendered; `undefined` when it has no such list. @throws `invalid` for a bad list. */
async function listed(recipeFolder: string): Promise<readonly string[] | undefined> {
  const found = await lookInside(recipeFolder, LIST_NAME);
  if (found === undefined) return undefined;
  if (!found.stats.isFile()) throw invalid(`${LIST_NAME} is not a file.`);
  if (found.stats.size > MAX_LIST_BYTES)
    throw invalid(`${LIST_NAME} is larger than ${MAX_LIST_BYTES} bytes.`);
  try {
    return await parseList(await readFile(found.path, "utf8"));
  } catch (error) {
    throw fileError(error, `reading ${LIST_NAME}`);
  }
}

async function locate(recipeFolder: string, name: string): Promise<string> {
  const plain = posix.normalize(name);
  if (plain.startsWith("/") || plain === ".." || plain.startsWith("../"))
    throw invalid(`${LIST_NAME} lists ${JSON.stringify(name)}, which lies outside of the recipe.`);
  const path = await fileInside(recipeFolder, name);
  if (path === undefined)
    throw invalid(`${LIST_NAME} lists ${JSON.stringify(name)}, which the recipe does not have.`);
  return path;
}

interface Job {
  readonly name: string;
  readonly source: string;
  readonly target: string;
}

async function jobsOf(order: RenderOrder, folder: string): Promise<readonly Job[]> {
  const jobs = new Map<string, Job>();
  for (const [index, name] of order.files.entries()) {
    const source = await locate(order.recipeFolder, name);
    // a file that is listed twice must not be rendered twice: its values may look like templates
    if (!jobs.has(source)) jobs.set(source, { name, source, target: join(folder, `${index}`) });
  }
  return [...jobs.values()];
}

function readAnswer(line: string): Answer | undefined {
  if (!line.startsWith(ANSWER_PREFIX)) return undefined;
  const answer = v.safeParse(v.pipe(v.string(), v.parseJson(), Answer), line.slice(ANSWER_PREFIX.length));
  return answer.success ? answer.output : undefined;
}

async function runScript(config: JinjaConfig, order: RenderOrder, jobs: readonly Job[]): Promise<Answer> {
  const file = config.python ?? "/usr/bin/python3";
  const limit = AbortSignal.timeout(TIME_LIMIT_MS);
  let answer: Answer | undefined;
  try {
    const { exitCode } = await config.run({
      file,
      args: ["-I", "-c", RENDER_SCRIPT],
      input: JSON.stringify({ variables: order.variables, max_bytes: MAX_RENDERED_BYTES, files: jobs }),
      onLine: (line) => (answer = readAnswer(line) ?? answer),
      quiet: true,
      signal: AbortSignal.any([order.signal, limit]),
    });
    if (answer !== undefined) return answer;
    throw invalid(
      `The templates could not be rendered: ${file} ended with exit code ${exitCode} and no answer.`,
    );
  } catch (error) {
    if (order.signal.aborted) throw order.signal.reason;
    if (limit.aborted) throw invalid(`Rendering took longer than ${TIME_LIMIT_MS / 1000} seconds.`, error);
    if (isDomainError(error, "not-found"))
      throw new DomainError("not-found", `${file} is missing.`, { cause: error });
    throw error;
  }
}

/** The rendered file takes the place of the template, with its mode. */
async function replace(job: Job): Promise<void> {
  const { mode } = await stat(job.source);
  await chmod(job.target, mode & 0o7777);
  await rename(job.target, job.source);
}

async function render(config: JinjaConfig, order: RenderOrder): Promise<void> {
  if (order.files.length === 0) return;
  try {
    const folder = await mkdtemp(join(order.scratchFolder, "templates-"));
    try {
      const jobs = await jobsOf(order, folder);
      const answer = await runScript(config, order, jobs);
      if ("missing" in answer) throw new DomainError("not-found", `Jinja2 is missing: ${answer.missing}`);
      if ("error" in answer) {
        const where = answer.line === null ? answer.name : `${answer.name}, line ${answer.line}`;
        throw invalid(`The template ${where} cannot be rendered: ${answer.error}.`);
      }
      for (const job of jobs) await replace(job);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    throw fileError(error, "rendering the recipe's templates");
  }
}

/**
 * Templates of recipes, rendered by Jinja2 in a sandbox of its own process.
 * Errors: `invalid` naming file and line, `not-found` when Python or Jinja2 is missing, `storage-full`, `unavailable`.
 */
export function createJinja(config: JinjaConfig) {
  return { listed, render: (order: RenderOrder): Promise<void> => render(config, order) };
}
