import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { createLocalRunner } from "../../adapters/job-runner/local/runner.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import type { ShellOrder, Step } from "../../core/jobs/plan.ts";
import type { JobLimits, JobRunner } from "../../core/ports/job-runner.ts";
import { planOf } from "./agent-bench.ts";
import { scratchFolder, tarBytes } from "./archives.ts";
import { type Isolation, type Remains, remainsOf } from "./local-runner.ts";
import { program } from "./programs.ts";
import { TOKEN, startStubService } from "./stub-service.ts";
import type { StubService } from "./stub-service.ts";
import { jobWork } from "./job-work.ts";

/** The agent's real program, started by the local runner, before a stub of the service. */
export interface AgentProcess {
  readonly jobId: string;
  readonly runner: JobRunner;
  readonly service: StubService;
  readonly workFolder: string;
  /** Everything of this bench lies below it. */
  readonly base: string;
  readonly launch: () => Promise<void>;
  readonly remains: () => Promise<Remains>;
}

const CONFIG = `<?xml version="1.0"?>
<image schemaversion="7.4" name="stand-in">
  <description type="system"><author>a</author><contact>a@b</contact><specification>s</specification></description>
  <preferences><version>1.0.0</version><packagemanager>apt</packagemanager><type image="tbz"/></preferences>
</image>`;

function stepsFor(url: string, size: number): readonly Step[] {
  return [
    { do: "fetch-recipe", status: "fetching_recipe", download: { url: `${url}/files/recipe.tar.gz`, size } },
    {
      do: "unpack-recipe",
      status: "fetching_recipe",
      recipe_type: "kiwi-ng",
      max_bytes: 1e6,
      max_entries: 10,
    },
    { do: "build-with-kiwi", status: "building_image" },
  ];
}

interface AgentProcessOptions {
  readonly isolation?: Isolation;
  readonly env?: Readonly<Record<string, string>>;
  /** Paths below the bench's folder that are hidden from the job, and what stays of them. */
  readonly hidden?: readonly string[];
  readonly needed?: readonly string[];
  readonly limits?: JobLimits;
  /** For a build that fails. */
  readonly shell?: ShellOrder;
  readonly onLack?: (lack: string) => void;
}

/** `kiwi` is the shell text that stands in for `kiwi-ng system prepare`. */
export async function createAgentProcess(
  kiwi: string,
  options: AgentProcessOptions = {},
): Promise<AgentProcess> {
  const base = await scratchFolder();
  const workRoot = join(base, "jobs");
  await mkdir(workRoot);
  const script = `if [ "$1" = --version ]; then echo "KIWI (next generation) version 10.2.0"; exit; fi\n${kiwi}`;
  const IMS_KIWI = await program(base, "kiwi-ng", script);
  const archive = gzipSync(await tarBytes([{ name: "config.xml", content: CONFIG }]));
  const plan = planOf([], 1);
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const service = await startStubService((url) => ({
    ...plan,
    arch,
    ...(options.shell === undefined ? {} : { shell: options.shell }),
    steps: [...stepsFor(url, archive.length)],
  }));
  service.offer(archive);
  const runner = createLocalRunner({
    workRoot,
    serviceUrl: () => service.url,
    agentCommand: [process.execPath, join(import.meta.dirname, "../../functions/agent/main.ts")],
    agentEnv: { ...plainEnvironment(process.env), IMS_KIWI, ...options.env },
    isolation: options.isolation ?? "auto",
    ...(options.onLack === undefined ? {} : { onLack: options.onLack }),
    hidden: (options.hidden ?? []).map((path) => join(base, path)),
    needed: (options.needed ?? []).map((path) => join(base, path)),
  });
  const jobId = plan.job_id;
  const limits = options.limits === undefined ? {} : { limits: options.limits };
  const workFolder = join(workRoot, jobId);
  onTestFinished(async () => {
    await runner.stop({ jobId });
    await service.stop();
  });
  return {
    jobId,
    runner,
    service,
    workFolder,
    base,
    launch: () => runner.launch({ jobId, attempt: 1, token: TOKEN, work: jobWork(jobId), ...limits }),
    remains: () => remainsOf(workRoot, jobId),
  };
}
