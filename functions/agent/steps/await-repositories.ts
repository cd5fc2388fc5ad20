import { setTimeout as sleep } from "node:timers/promises";
import type { RemoteRepository } from "../../../core/ports/agent-tools.ts";
import { StepFailure, type StepContext, type StepFunction } from "../step.ts";
import { failWith, left, orFail } from "./failing.ts";

const LONGEST_PAUSE_MS = 10_000;
const MAX_MESSAGE = 1500;

interface Silent {
  readonly repository: RemoteRepository;
  readonly answer: string;
}

/** Those of the repositories that are not ready, with what they answered. */
async function askAll(
  { tools, signal }: StepContext,
  repositories: readonly RemoteRepository[],
): Promise<readonly Silent[]> {
  const answers = await Promise.all(
    repositories.map(async (repository) => ({
      repository,
      ...(await tools.repositories.ask(repository, signal)),
    })),
  );
  return answers.filter(({ ready }) => !ready);
}

function unreachable(silent: readonly Silent[], seconds: number): StepFailure {
  const list = silent.map(({ repository, answer }) => `${repository.label} (${answer})`).join("; ");
  const shown = list.length > MAX_MESSAGE ? `${list.slice(0, MAX_MESSAGE)}...` : list;
  return new StepFailure("repository_unreachable", `Not ready after ${seconds} s: ${shown}`, {
    hint: "Check the repositories' paths in the recipe (rpm: <path>/repodata/repomd.xml, Debian: <path>/dists/<distribution>/Release must be there) and that the building machine reaches them.",
  });
}

async function untilReady(
  context: StepContext,
  repositories: readonly RemoteRepository[],
  waitSeconds: number,
): Promise<void> {
  const end = performance.now() + waitSeconds * 1000;
  let silent = await askAll(context, repositories);
  for (let tries = 0; silent.length > 0; tries++) {
    const rest = end - performance.now();
    if (rest <= 0) throw unreachable(silent, waitSeconds);
    const labels = silent.map(({ repository, answer }) => `${repository.label} (${answer})`);
    context.log(`Waiting for ${labels.join(", ")}`);
    context.progress({ message: `Waiting for ${silent.length} of ${repositories.length} repositories` });
    const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** tries, rest);
    await sleep(pause, undefined, { signal: context.signal }).catch(() => undefined);
    context.signal.throwIfAborted();
    // who has answered once is not asked again
    silent = await askAll(
      context,
      silent.map(({ repository }) => repository),
    );
  }
}

export const awaitRepositories: StepFunction<"await-repositories"> = async (context, step) => {
  const { log, plan, state, tools } = context;
  const recipeFolder = left(state.recipeFolder, "the recipe's folder");
  const hint = "Correct the recipe's description (config.xml), then upload the recipe again.";
  const { remote, unasked } = await orFail(
    tools.kiwi.describe(recipeFolder, plan.arch),
    failWith("recipe_invalid", hint),
  );
  for (const words of unasked) log(`Repository not asked: ${words}`);
  if (remote.length === 0) return log("No remote repositories to wait for");
  await untilReady(context, remote, step.wait_seconds);
  log(`Repositories are ready: ${remote.map(({ label }) => label).join(", ")}`);
};
