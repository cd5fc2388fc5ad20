import type { JobRef, JobRunner, LaunchOrder } from "../../../core/ports/job-runner.ts";
import { listProcesses } from "../../process/process-table.ts";
import { createRunCommand } from "../../process/spawn.ts";
import { createTrash } from "../../process/work-folder.ts";
import { lives } from "./agent-note.ts";
import { claimed } from "./claim.ts";
import type { LocalRunnerConfig } from "./config.ts";
import { knownJobs, openRoot, placeOf, trashOf } from "./place.ts";
import type { JobPlace } from "./place.ts";
import { jobOf, lookFor } from "./presence.ts";
import { removeJob } from "./remove-job.ts";
import { createAgentStarter } from "./start-agent.ts";

/** Runs each agent as a process of this machine that outlives the service. */
export function createLocalRunner(config: LocalRunnerConfig): JobRunner {
  const run = createRunCommand({ env: config.agentEnv });
  /** The agents that this very process started, and how they ended. */
  const started = new Map<string, { ending?: string }>();
  const startAgent = createAgentStarter(config, run);

  const place = (jobId: string): Promise<JobPlace> => placeOf(config.workRoot, jobId);

  const clean = async (at: JobPlace): Promise<void> => {
    await removeJob(at, run);
    started.delete(at.jobId);
  };

  const start = async (at: JobPlace, order: LaunchOrder): Promise<void> => {
    const { ended } = await startAgent(at, order);
    const own: { ending?: string } = {};
    started.set(at.jobId, own);
    void ended.then((how) => (own.ending = how));
  };

  return {
    name: "local",

    launch: async (order) => {
      const at = await place(order.jobId);
      await claimed(at.claims, at.jobId, async () => {
        const note = await at.notes.read(at.jobId);
        if (note !== undefined && note.attempt >= order.attempt && (await lives(note))) return;
        await clean(at);
        await start(at, order);
      });
    },

    inspect: async ({ jobId }) => {
      const at = await place(jobId);
      return await lookFor(at, () => started.get(jobId)?.ending);
    },

    stop: async ({ jobId }) => {
      const at = await place(jobId);
      await claimed(at.claims, at.jobId, () => clean(at));
    },

    leftovers: async () => {
      const root = await openRoot(config.workRoot);
      await createTrash(trashOf(root), run).empty();
      const ids = new Set(await knownJobs(root));
      for (const view of await listProcesses()) {
        const id = jobOf(view, root);
        if (id !== undefined) ids.add(id);
      }
      return [...ids].sort().map((jobId): JobRef => ({ jobId }));
    },
  };
}
