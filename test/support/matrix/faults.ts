import { rm } from "node:fs/promises";
import { join } from "node:path";
import { agentsOf } from "../road.ts";
import { killIfThere, type ServiceProcess } from "../service-process.ts";

/** How a job has to end: as if nothing had happened, with this code, or with no record left of it. */
export type Ending = "as ever" | "gone" | "cancelled" | "agent_lost" | "work_folder_lost";

export type FaultName =
  | "cancel"
  | "DELETE"
  | "kill -9 of the agent"
  | "kill -9 of the service"
  | "kill -9 of both"
  | "SIGTERM of the service"
  | "the work folder removed";

export interface Fault {
  readonly name: FaultName;
  /** Of the jobs that have an agent. */
  readonly ending: Ending;
  /** Of those that wait for their turn. */
  readonly queued: Ending;
  readonly strike: (service: ServiceProcess, jobs: readonly string[]) => Promise<void>;
}

/** Each at once: they are not to wait for one another. */
const each = async (jobs: readonly string[], work: (id: string) => Promise<unknown>) =>
  void (await Promise.all(jobs.map(work)));

function killAgents(jobs: readonly string[]): void {
  for (const pid of jobs.flatMap(agentsOf)) killIfThere(pid);
}

/** One that is over is not cancelled. */
async function cancel(service: ServiceProcess, id: string): Promise<void> {
  const { status } = await service.fetch(`/v3/jobs/${id}/cancel`, { method: "POST" });
  if (status !== 200 && status !== 409) throw new Error(`Cancelling answered ${status}.`);
}

async function remove(service: ServiceProcess, id: string): Promise<void> {
  const { status } = await service.fetch(`/v3/jobs/${id}`, { method: "DELETE" });
  if (status !== 204) throw new Error(`DELETE answered ${status}.`);
}

export const FAULTS: readonly Fault[] = [
  {
    name: "cancel",
    ending: "cancelled",
    queued: "cancelled",
    strike: (service, jobs) => each(jobs, (id) => cancel(service, id)),
  },
  {
    name: "DELETE",
    ending: "gone",
    queued: "gone",
    strike: (service, jobs) => each(jobs, (id) => remove(service, id)),
  },
  {
    name: "kill -9 of the agent",
    ending: "agent_lost",
    queued: "as ever",
    strike: async (_service, jobs) => killAgents(jobs),
  },
  {
    name: "kill -9 of the service",
    ending: "as ever",
    queued: "as ever",
    strike: async (service) => {
      await service.end("SIGKILL");
      await service.start();
    },
  },
  {
    name: "kill -9 of both",
    ending: "agent_lost",
    queued: "as ever",
    strike: async (service, jobs) => {
      await service.end("SIGKILL");
      killAgents(jobs);
      await service.start();
    },
  },
  {
    name: "SIGTERM of the service",
    ending: "as ever",
    queued: "as ever",
    strike: async (service) => {
      const code = await service.end("SIGTERM");
      if (code !== 0) throw new Error(`The service ended with ${code}.`);
      await service.start();
    },
  },
  {
    name: "the work folder removed",
    ending: "work_folder_lost",
    queued: "as ever",
    strike: (service, jobs) =>
      each(jobs, (id) =>
        rm(join(service.data, "work", id), { recursive: true, force: true, maxRetries: 20 }),
      ),
  },
];

export function faultOf(name: FaultName): Fault {
  const found = FAULTS.find((fault) => fault.name === name);
  if (found === undefined) throw new Error(`There is no fault ${name}.`);
  return found;
}
