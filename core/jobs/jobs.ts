import { getStored, listValues } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { DomainError, isDomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import { type PlaceTaken, queued } from "./activities.ts";
import { jobFilter, type JobQuery } from "./filter.ts";
import type { Job } from "./job.ts";
import { createJobChanges, type JobChanges, type JobPatch } from "./job-changes.ts";
import { findJobSource } from "./job-source.ts";
import { type JobFacts, type JobRequest, newJob } from "./new-job.ts";
import { type JobInQueue, roomNow, withPlaces } from "./queue.ts";
import { sizesOf } from "./job-work.ts";
import { placedAt } from "./runners.ts";
import { inputOf } from "./retry-job.ts";
import { takeSlots } from "./slots.ts";

export interface Jobs extends JobChanges {
  /** @throws `bad-request` for a query that means nothing. */
  list(query?: JobQuery): Promise<JobInQueue[]>;
  get(id: string): Promise<JobInQueue>;
  /** Records the job, takes slots for it or puts it into the queue; launching comes later. */
  create(request: JobRequest): Promise<JobInQueue>;
  /**
   * A new job with the input of one that has ended.
   * @throws `not-found`; `conflict` while that has not ended; `invalid` when its recipe's archive or image is gone.
   */
  retry(id: string): Promise<JobInQueue>;
  update(id: string, patch: JobPatch): Promise<JobInQueue>;
  removeAll(query?: JobQuery): Promise<void>;
}

export function createJobs(ports: CorePorts, settings: Settings, wake: () => void): Jobs {
  const { records, clock, ids } = ports;

  async function create(request: JobRequest): Promise<JobInQueue> {
    refuseContainers(request);
    await ports.journals.settle(request.artifact_id);
    const facts = await findJobSource(ports, request);
    const key = (await records.get("public-key", request.public_key_id))?.value;
    if (key === undefined) throw noSuchKey(request.public_key_id);
    return await begin(request, { ...facts, public_key: key.public_key });
  }

  async function retry(id: string): Promise<JobInQueue> {
    const { request, facts } = await inputOf(ports, (await getStored(records, "job", id)).value);
    return await begin(request, facts);
  }

  async function begin(
    request: JobRequest,
    facts: Omit<JobFacts, "id" | "planned_image_id" | "now">,
  ): Promise<JobInQueue> {
    const own = { id: ids.uuid(), planned_image_id: ids.uuid(), now: clock.now() };
    return await withPlace(await enqueue(newJob(request, { ...facts, ...own }, settings.jobs)));
  }

  /** Nobody waits for a race about slots: who loses it waits for the next turn instead. */
  async function enqueue(job: Job): Promise<Job> {
    const taken = await roomNow(ports, settings.jobs, { arch: job.arch, ...needsOf(job) });
    const kept = await insert(job, taken).catch(async (error: unknown) => {
      if (taken === undefined || !isDomainError(error, "lost-race")) throw error;
      return await insert(job);
    });
    wake();
    return kept;
  }

  const needsOf = (job: Job) => (settings.jobs.limited ? sizesOf(job) : undefined);

  async function insert(job: Job, taken?: PlaceTaken): Promise<Job> {
    const { id } = job;
    const value = placedAt(job, taken?.place);
    const activity = queued(job, taken, needsOf(job), clock.now());
    await records.commit([
      { op: "insert", kind: "job", id, value },
      { op: "insert", kind: "job-activity", id, value: activity },
      ...takeSlots(id, taken?.slots ?? []),
    ]);
    return value;
  }

  const withPlace = async (job: Job): Promise<JobInQueue> =>
    (await withPlaces(ports, settings.jobs, [job]))[0] ?? job;

  const changes = createJobChanges(ports, settings, wake);

  return {
    async list(query = {}) {
      const matching = (await listValues(records, "job")).filter(jobFilter(query, clock.now()));
      return await withPlaces(ports, settings.jobs, matching);
    },
    get: async (id) => await withPlace((await getStored(records, "job", id)).value),
    create,
    retry,
    ...changes,
    update: async (id, patch) => await withPlace(await changes.update(id, patch)),
    async removeAll(query = {}) {
      await forEachRecord(ports, "job", (id) => changes.remove(id), jobFilter(query, clock.now()));
    },
  };
}

/** Behaviour 141 and 142. */
function refuseContainers(request: JobRequest): void {
  const count = request.ssh_containers?.length ?? 0;
  if (request.job_type === "create" && count > 0)
    throw new DomainError(
      "bad-request",
      "User defined ssh containers during image create are not currently supported.",
    );
  if (count > 1) throw new DomainError("bad-request", "Only one SSH container is currently supported.");
}

function noSuchKey(id: string): DomainError {
  return new DomainError(
    "bad-request",
    `Invalid public_key_id value in job request. No IMS public-key record found matching id=${id}.`,
  );
}
