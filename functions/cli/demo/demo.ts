import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDomainError } from "../../../core/errors.ts";
import type { CliCommand, CliContext } from "../command.ts";
import { followJob } from "./follow.ts";
import { machineMirror } from "./mirror.ts";
import { DEMO_HELP, readDemoOptions } from "./options.ts";
import type { DemoOptions } from "./options.ts";
import type { DemoApi, DemoJob } from "./parts.ts";
import { createProgressReporter } from "./progress.ts";
import { packRecipe } from "./recipe-archive.ts";
import { failureLines, nextLines, successLines } from "./report.ts";
import { startService } from "./service.ts";
import type { RunningService } from "./service.ts";
import { startLocalstack } from "./storage.ts";
import { makePublicKey } from "./ssh-key.ts";
import { checkImage } from "./verify.ts";

const RECIPE = "infra/recipes/debian-minimal";
const IMAGE_NAME = "debian-minimal";
const SETUP_LIMIT_MS = 30 * 60_000;
const CLEANUP_LIMIT_MS = 90_000;
const LEFTOVER_POLL_MS = 250;
/** Emulation on a busy machine is slow; idle, the sample boots in about a minute. */
const BOOT_LIMIT_SECONDS = "600";

interface Demo extends CliContext {
  readonly options: DemoOptions;
  /** The data folder's whole path. */
  readonly data: string;
}

/** Not ended by Ctrl-C: a package manager that is killed in the middle leaves the machine's packages broken. */
async function setUpTools({ run, demo, home, options, terminal, signal }: Demo): Promise<boolean> {
  const purposes = options.boot ? ["build", "boot"] : ["build"];
  const say = (): void => terminal.line("Stopping once the installation of packages is through.");
  signal.addEventListener("abort", say, { once: true });
  const { exitCode } = await run({
    file: demo.node,
    args: [join(home, "infra/setup/build-tools.ts"), ...purposes],
    cwd: home,
    signal: AbortSignal.timeout(SETUP_LIMIT_MS),
    onLine: (line) => terminal.line(line),
  });
  signal.removeEventListener("abort", say);
  signal.throwIfAborted();
  return exitCode === 0;
}

async function findMirror({ run, options, signal }: Demo): Promise<string> {
  const mirror = options.mirror ?? (await machineMirror(run, signal));
  if (mirror !== undefined) return mirror;
  throw new Error(
    "This machine's apt names no Debian archive to build from: give one with --mirror URL (npm run demo -- --mirror URL).",
  );
}

/** The API here must not be one that Ctrl-C cuts off: a job whose id is not known could not be cancelled. */
async function submit(demo: Demo, api: DemoApi, mirror: string): Promise<DemoJob> {
  const key = await api.createPublicKey({ name: "ims-demo", public_key: makePublicKey() });
  const recipe = await api.createRecipe({
    name: IMAGE_NAME,
    recipe_type: "kiwi-ng",
    // the API of record knows no Debian; the service does not look at it
    linux_distribution: "sles15",
    template_dictionary: [{ key: "DEBIAN_MIRROR", value: mirror }],
    require_dkms: false,
    arch: demo.demo.arch === "arm64" ? "aarch64" : "x86_64",
  });
  const archive = await packRecipe(join(demo.home, RECIPE));
  await api.putRecipeArchive(recipe.id, archive);
  demo.terminal.line(`Uploaded ${RECIPE} (${archive.length} bytes) as recipe ${recipe.id}.`);
  const job = await api.createJob({
    job_type: "create",
    artifact_id: recipe.id,
    public_key_id: key.id,
    image_root_archive_name: IMAGE_NAME,
  });
  demo.terminal.line(`Posted job ${job.id}. This takes a few minutes; Ctrl-C cancels it.`);
  return job;
}

async function untilNothingIsLeft({ demo, data }: Demo, jobId: string, signal: AbortSignal): Promise<void> {
  while ((await demo.leftovers(data)).includes(jobId)) await delay(LEFTOVER_POLL_MS, undefined, { signal });
}

/** Ends a job that nobody waits for any more, and waits until none of its processes, mounts and files are left. */
async function giveUp(demo: Demo, url: string, jobId: string): Promise<void> {
  const { terminal } = demo;
  terminal.line(`Cancelling job ${jobId}.`);
  const limit = AbortSignal.timeout(CLEANUP_LIMIT_MS);
  try {
    await demo.demo.connect(url, limit).cancelJob(jobId);
  } catch (error) {
    // it ended meanwhile
    if (!isDomainError(error, "conflict")) throw error;
  }
  await untilNothingIsLeft(demo, jobId, limit);
  terminal.line("The job is cancelled and nothing of it is left.");
}

async function follow(demo: Demo, service: RunningService, api: DemoApi, jobId: string): Promise<DemoJob> {
  const signal = AbortSignal.any([demo.signal, service.gone]);
  const reporter = createProgressReporter(demo.terminal, () => performance.now());
  try {
    return await followJob(api, jobId, reporter, signal);
  } catch (error) {
    if (!service.gone.aborted) {
      await giveUp(demo, service.url, jobId).catch((trouble: unknown) =>
        demo.terminal.error(`error: Job ${jobId} could not be cancelled: ${String(trouble)}`),
      );
    }
    throw error;
  }
}

async function bootImage(demo: Demo, folder: string): Promise<boolean> {
  const { run, terminal, home, signal } = demo;
  terminal.line("");
  terminal.line("Booting the image in QEMU (a minute or two without KVM).");
  const files = ["kernel", "initrd", "rootfs"].flatMap((name) => [`--${name}`, join(folder, name)]);
  const { exitCode } = await run({
    file: demo.demo.node,
    args: [
      join(home, "infra/boot/boot.ts"),
      ...files,
      "--log",
      join(demo.data, "boot.log"),
      "--limit",
      BOOT_LIMIT_SECONDS,
    ],
    signal,
    onLine: (line) => terminal.line(line),
  });
  return exitCode === 0;
}

/** Checks what was built and says so, boots it when asked to. Answers whether all is well. */
async function present(
  demo: Demo,
  api: DemoApi,
  job: DemoJob,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { terminal, options } = demo;
  const imageId = job.resultant_image_id;
  if (imageId === null) throw new Error(`Job ${job.id} succeeded but names no image.`);
  const folder = options.boot ? join(demo.data, "boot", imageId) : undefined;
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  try {
    terminal.status("Downloading the image to check it");
    const image = await api.getImage(imageId);
    const artifacts = await checkImage(api, { imageId, folder, signal });
    const phases = job.progress?.phases ?? [];
    for (const line of successLines({ image, jobId: job.id, artifacts, phases })) terminal.line(line);
    if (folder !== undefined && !(await bootImage(demo, folder))) return undefined;
    return imageId;
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Keeps the service until Ctrl-C, which is a fine ending here. */
async function keepRunning(demo: Demo, service: RunningService): Promise<void> {
  demo.terminal.line(`\nThe service stays at ${service.url} until Ctrl-C.`);
  const ended = AbortSignal.any([demo.signal, service.gone]);
  await delay(2 ** 31 - 1, undefined, { signal: ended }).catch(() => undefined);
  service.gone.throwIfAborted();
}

async function build(demo: Demo, service: RunningService, mirror: string): Promise<number> {
  const { terminal, options, signal } = demo;
  const alive = AbortSignal.any([signal, service.gone]);
  const api = demo.demo.connect(service.url, alive);
  const posted = await submit(demo, demo.demo.connect(service.url, service.gone), mirror);
  const job = await follow(demo, service, api, posted.id);
  if (job.status !== "success") {
    for (const line of failureLines(job.id, job.error)) terminal.error(line);
    return 1;
  }
  const imageId = await present(demo, api, job, alive);
  if (imageId === undefined) return 1;
  const url = options.keep ? service.url : "http://127.0.0.1:9100";
  const next = {
    imageId,
    jobId: job.id,
    data: options.data,
    url,
    running: options.keep,
    passing: options.localstack,
    booted: options.boot,
  };
  for (const line of nextLines(next)) terminal.line(line);
  if (options.keep) await keepRunning(demo, service);
  return 0;
}

async function withStorage(demo: Demo, mirror: string): Promise<number> {
  if (!demo.options.localstack) return await withService(demo, mirror, {});
  const localstack = await startLocalstack(demo);
  try {
    return await withService(demo, mirror, localstack.ready);
  } catch (error) {
    throw localstack.gone.aborted ? localstack.gone.reason : error;
  } finally {
    await localstack.stop();
  }
}

async function withService(
  demo: Demo,
  mirror: string,
  storage: Readonly<Record<string, string>>,
): Promise<number> {
  const { terminal, run, home, data, signal } = demo;
  const logFile = join(data, "service.log");
  const service = await startService({ run, node: demo.demo.node, home, data, logFile, storage, signal });
  try {
    const where = demo.options.localstack ? "its data is in DynamoDB and S3" : `its data is in ${data}`;
    terminal.line(`The service listens on ${service.url}; ${where}, its log in ${logFile}.`);
    return await build(demo, service, mirror);
  } catch (error) {
    throw service.gone.aborted ? service.gone.reason : error;
  } finally {
    await service.stop();
    terminal.line(
      signal.aborted
        ? "Stopped: the service has ended, nothing is left running."
        : "The service has stopped.",
    );
  }
}

async function runDemo(context: CliContext, words: readonly string[]): Promise<number> {
  const options = readDemoOptions(words);
  const demo: Demo = { ...context, options, data: resolve(options.data) };
  if (!(await setUpTools(demo))) return 1;
  const mirror = await findMirror(demo);
  demo.terminal.line(`Building from ${mirror}`);
  return withStorage(demo, mirror);
}

export const demoCommand: CliCommand = {
  name: "demo",
  summary: "build a small bootable image from the sample recipe, to see it all work",
  help: DEMO_HELP,
  run: runDemo,
};
