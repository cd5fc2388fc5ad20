import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { archiveBytes, get, post, recipe } from "./road.ts";
import { processesWith, type ServiceProcess, until } from "./service-process.ts";

export const BURST = 200;

interface Posted {
  readonly id: string;
  readonly seconds: number;
}

/** Posts so many jobs of one recipe at once; those that nobody answered are left out. */
export async function postBurst(service: ServiceProcess, count = BURST): Promise<Posted[]> {
  const key = await post(service, "/v3/public-keys", { name: "k", public_key: "ssh-ed25519 A" });
  const wanted = { name: "r", recipe_type: "kiwi-ng", linux_distribution: "sles15", require_dkms: false };
  const { id: artifact_id } = await post(service, "/v3/recipes", wanted);
  const body = await archiveBytes(recipe());
  await service.fetch(`/v3/recipes/${artifact_id}/archive`, { method: "PUT", body });
  const request = {
    job_type: "create",
    artifact_id,
    public_key_id: key.id,
    image_root_archive_name: "tiny",
  };
  const answers = await Promise.all(
    Array.from({ length: count }, async () => {
      const began = performance.now();
      const job = await post(service, "/v3/jobs", request).catch(() => undefined);
      return job === undefined ? [] : [{ id: job.id, seconds: (performance.now() - began) / 1000 }];
    }),
  );
  return answers.flat();
}

/** Jobs whose turn has not come, in the order of the list; their places must be that order. */
export async function waiting(service: ServiceProcess): Promise<string[]> {
  const jobs: { id: string; queue?: { position: number } }[] = await get(service, "/v3/jobs");
  const queued = jobs.filter(({ queue }) => queue !== undefined);
  const places = queued.map(({ queue }) => queue?.position);
  if (places.some((place, n) => place !== n + 1)) throw new Error(`Places out of order: ${places.join(" ")}`);
  return queued.map(({ id }) => id);
}

export const endedJobs = async (service: ServiceProcess) =>
  (await get(service, "/v3/jobs?status=success&status=error")).length;

/** Looks again and again at how many jobs have an agent, whoever started it. */
export function watchAgents(service: ServiceProcess) {
  let most = 0;
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      most = Math.max(most, agentJobs(service).size);
      await sleep(20);
    }
  })();
  return {
    async stop() {
      over.abort();
      await looking;
      return most;
    },
  };
}

function agentJobs(service: ServiceProcess): Set<string> {
  const jobs = processesWith(`${service.data}/work`).flatMap((pid) => {
    try {
      const isAgent = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("agent/main.ts");
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      return isAgent ? (/IMS_JOB_ID=([\w-]+)/u.exec(environment)?.[1] ?? []) : [];
    } catch {
      return []; // it ended a moment ago
    }
  });
  return new Set(jobs);
}

export const untilEnded = (service: ServiceProcess, count: number, seconds: number) =>
  until(
    `${count} jobs have ended`,
    async () => ((await endedJobs(service)) >= count ? true : undefined),
    seconds,
  );
