import { createReadStream } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { addAbortSignal } from "node:stream";
import { inspect, parseArgs } from "node:util";
import { createAgentTools } from "../../adapters/agent-tools.ts";
import { confine, readConfinement } from "../../adapters/job-runner/local/confinement.ts";
import type { Confined } from "../../adapters/job-runner/local/confinement.ts";
import { usePrivateDpkg } from "../../adapters/build/private-dpkg.ts";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { killJobProcesses } from "../../adapters/process/job-processes.ts";
import { detachLoopDevices, loopDevicesOf } from "../../adapters/process/loop-devices.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { createSpool } from "../../adapters/process/spool.ts";
import { removeWorkFolder } from "../../adapters/process/work-folder.ts";
import { openAgentEnd } from "../../adapters/tunnel/agent-end.ts";
import type { Step } from "../../core/jobs/plan.ts";
import { VERSION } from "../runtime/version.ts";
import { AgentEnding } from "./ending.ts";
import { createLastWords } from "./last-words.ts";
import { createLogShipper } from "./log-shipper.ts";
import { createLogText } from "./log-text.ts";
import { runPlan } from "./run.ts";
import { createResources } from "./resources.ts";
import { createServiceClient } from "./service-client.ts";
import { secretValues } from "./secrets.ts";
import { SettingsError, readSettings, readToken } from "./settings.ts";
import type { AgentSettings } from "./settings.ts";
import type { RunCommand, StepContext } from "./step.ts";
import { carryOut as carryOutStep } from "./steps/index.ts";

const HELP = `The agent: carries out one job of the Image Management Service. The service starts it.

  node functions/agent/main.ts < token.json

Standard input, or the file that IMS_TOKEN_FILE names: one line, {"token": "..."}.

Environment:
  IMS_JOB_ID          id of the job
  IMS_SERVICE_URL     where the service is
  IMS_WORK_FOLDER     folder to work in, ends in the job's id; removed in the end
  IMS_TOKEN_FILE      file of the token, when it does not come on standard input
  IMS_AGENT_IMAGE     container image that it runs in, best with its digest, for the record of what it makes
  IMS_SHELL_PORT      port at which shells listen, on all addresses; else where the job's plan says
  IMS_SHELL_HOST      address on which shells listen, at any free port; else where the job's plan says
  IMS_TUNNEL_SOCKET   socket file that leads to the service and to signed URLs, where the network does not
  IMS_TERMINATION_LOG file that takes the last words, if it is there, such as a container's /dev/termination-log
  IMS_AGENT_PATIENCE  seconds without any answer after which the agent gives up (900)
  IMS_KEEP_WORK       1: leave the work folder as it is
  IMS_KIWI, IMS_PACKER, IMS_PYTHON, IMS_MKSQUASHFS, IMS_UNSQUASHFS  programs to use instead of those of the PATH
  IMS_SIGNING_KEYS    folder of keys that kiwi trusts packages by, beside those that recipes bring
  IMS_PACKER_PLUGINS  folder of packer's plugins; without it each build fetches what its template asks for

Exit code: 0 when the service knows how the job ended or no longer wants to know, 1 when it could not be told,
2 when the agent was not started as it should be.
`;

const TOKEN_MILLISECONDS = 60_000;
const LOG_BYTES = 256 * 1024 * 1024;
const SIGNALS = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;

const lastWords = createLastWords((line) => process.stderr.write(line));

function endOnSignals(end: (ending: AgentEnding) => void): void {
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => end(new AgentEnding(`The agent was ended by ${name}.`, exitCode)));
  }
}

/** Everything that programs of the job find in their environment; the token is not part of it. */
function childEnvironment({ jobId, workFolder }: AgentSettings): Record<string, string> {
  return { ...plainEnvironment(process.env), IMS_JOB_ID: jobId, IMS_WORK_FOLDER: workFolder };
}

interface Surroundings {
  readonly token: string;
  readonly abort: AbortController;
  readonly confined: Confined;
}

async function work(settings: AgentSettings, { token, abort, confined }: Surroundings): Promise<void> {
  const { jobId, patience, programs, serviceUrl, workFolder } = settings;
  const end = (ending: AgentEnding): void => abort.abort(ending);
  const { signal } = abort;
  endOnSignals(end);
  const { clean, hide, line } = createLogText(token);
  hide(secretValues(childEnvironment(settings)));
  const service = createServiceClient({ serviceUrl, jobId, token, patience, signal, end });
  const spool = createSpool(join(workFolder, "agent.log"));
  const onBroken = (error: unknown): void => {
    if (!signal.aborted && !(error instanceof AgentEnding))
      lastWords.complain(`The log is cut off: ${clean(String(error))}`);
  };
  const log = createLogShipper({ spool, service, clean: line, maxBytes: LOG_BYTES, onBroken });
  for (const lack of confined.lacks) log.note(`This job runs without ${lack}.`);
  const run = createRunCommand({ env: childEnvironment(settings), onLine: log.line, expendable: true });
  const { limits, memory } = confined;
  const { image, shellPort, shellHost } = settings;
  const tools = createAgentTools(run, {
    ...programs,
    memoryBytes: limits?.memoryBytes,
    shellPort,
    shellHost,
  });
  const carryOut = async (context: StepContext, step: Step): Promise<void> => {
    if (step.do === "build-with-kiwi") await separateFromMachine(context);
    await carryOutStep(context, step);
  };
  const resources = createResources({ limits, memory, disk: tools.disk, workFolder, signal });
  await runPlan({
    resources,
    jobId,
    workFolder,
    service,
    log,
    clean,
    hide,
    run,
    tools,
    carryOut,
    signal,
    complain: lastWords.complain,
    origin: { version: VERSION, ...(image === undefined ? {} : { image }) },
  });
}

/** kiwi uses the machine's package database, which has room for one build at a time. */
async function separateFromMachine({ log, run, workFolder }: StepContext): Promise<void> {
  const dpkg = await usePrivateDpkg(workFolder, run);
  if (!dpkg.done) log(`This build shares the machine's Debian package database: ${dpkg.why}.`);
}

/** What programs of the job left running or mounted goes with the work folder. */
async function cleanUp({ jobId, keepWork, workFolder }: AgentSettings, confined: Confined): Promise<void> {
  const run = createOwnRun();
  await killJobProcesses(jobId, workFolder);
  if (keepWork) return;
  process.chdir("/");
  await detachLoopDevices(await loopDevicesOf(workFolder, run), run);
  await confined.release();
  await removeWorkFolder(workFolder, run);
}

/** For commands of the agent itself, of which the log need not know. */
function createOwnRun(): RunCommand {
  return createRunCommand({ env: plainEnvironment(process.env) });
}

async function settle(settings: AgentSettings, token: string): Promise<number> {
  const abort = new AbortController();
  const confined = await confine(readConfinement(process.env), settings.workFolder, createOwnRun());
  try {
    await work(settings, { token, abort, confined });
    return 0;
  } catch (error) {
    if (!(error instanceof AgentEnding)) throw error;
    lastWords.complain(error.message);
    return error.exitCode;
  } finally {
    abort.abort(new AgentEnding("The agent is done.", 0));
    await cleanUp(settings, confined);
  }
}

function wantsHelp(): boolean {
  try {
    return parseArgs({ options: { help: { type: "boolean", short: "h" } } }).values.help === true;
  } catch (error) {
    throw new SettingsError(`${error instanceof Error ? error.message : String(error)}. See --help.`, {
      cause: error,
    });
  }
}

async function main(): Promise<number> {
  if (wantsHelp()) {
    process.stdout.write(HELP);
    return 0;
  }
  // Its own output goes to a file: on a full disk that must not end the agent before it has said why the job failed.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  const settings = readSettings(process.env);
  try {
    const token = await tokenOf(settings);
    await mkdir(settings.workFolder, { recursive: true, mode: 0o700 });
    const serviceUrl = await reachableUrl(settings);
    return await settle({ ...settings, serviceUrl, workFolder: await realpath(settings.workFolder) }, token);
  } catch (error) {
    return exitCodeOf(error);
  } finally {
    if (settings.terminationLog !== undefined) await lastWords.leave(settings.terminationLog);
  }
}

async function reachableUrl({ serviceUrl, tunnelSocket }: AgentSettings): Promise<string> {
  return tunnelSocket === undefined ? serviceUrl : (await openAgentEnd(tunnelSocket)).serviceUrl;
}

function tokenOf({ tokenFile }: AgentSettings): Promise<string> {
  const source = tokenFile === undefined ? process.stdin : createReadStream(tokenFile);
  return readToken(addAbortSignal(AbortSignal.timeout(TOKEN_MILLISECONDS), source), tokenFile);
}

function exitCodeOf(error: unknown): number {
  lastWords.complain(error instanceof SettingsError ? error.message : inspect(error));
  return error instanceof SettingsError ? 2 : 1;
}

// Sockets that are kept alive, and whatever else a step left open, must not keep the agent.
process.exit(await main().catch(exitCodeOf));
