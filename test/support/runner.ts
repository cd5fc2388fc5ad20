import { DomainError } from "../../core/errors.ts";
import type { AgentPresence, JobRunner, LaunchOrder } from "../../core/ports/job-runner.ts";

/** A runner whose agents are names in a list: what a test says of them is what the service sees. */
export interface ScriptedRunner extends JobRunner {
  readonly launched: LaunchOrder[];
  readonly stopped: string[];
  readonly presence: Map<string, AgentPresence>;
  /** While true, `launch` throws. */
  broken: boolean;
}

export function createScriptedRunner(): ScriptedRunner {
  const runner: ScriptedRunner = {
    name: "local",
    launched: [],
    stopped: [],
    presence: new Map(),
    broken: false,
    async launch(order) {
      if (runner.broken) throw new DomainError("unavailable", "The machine cannot start programs.");
      runner.launched.push(order);
      runner.presence.set(order.jobId, { state: "running" });
    },
    inspect: async ({ jobId }) => runner.presence.get(jobId) ?? { state: "absent" },
    async stop({ jobId }) {
      runner.stopped.push(jobId);
      runner.presence.delete(jobId);
    },
    leftovers: async () => [...runner.presence.keys()].map((jobId) => ({ jobId })),
  };
  return runner;
}
