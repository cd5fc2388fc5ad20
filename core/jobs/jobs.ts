import { settleJournal } from "../artifacts/journal.ts";
import { getStored, listStored, listValues } from "../collection.ts";
import { forEachRecord } from "../deleted/trash.ts";
import { DomainError } from "../errors.ts";
import type { Ports } from "../ports/index.ts";
import type { Settings } from "../settings.ts";
import { queued } from "./activities.ts";
import { jobFilter, type JobQuery } from "./filter.ts";
import type { Job } from "./job.ts";
import { createJobChanges, type JobChanges } from "./job-changes.ts";
import { findJobSource } from "./job-source.ts";
import { type JobRequest, newJob } from "./new-job.ts";

export interface Jobs extends JobChanges {
  /** @throws `bad-request` for a query that means nothing. */
  list(query?: JobQuery): Promise<Job[]>;
  get(id: string): Promise<Job>;
  /** Records the job and puts it into the queue; launching comes later. */
  create(request: JobRequest): Promise<Job>;
  removeAll(query?: JobQuery): Promise<void>;
}

export function createJobs(ports: Ports, settings: Settings, wake: () => void): Jobs {
  const { records, clock, ids } = ports;

  async function create(request: JobRequest): Promise<Job> {
    refuseContainers(request);
    await settleJournal(ports, request.artifact_id);
    const facts = await findJobSource(ports, request);
    const key = (await records.get("public-key", request.public_key_id))?.value;
    if (key === undefined) throw noSuchKey(request.public_key_id);
    const id = ids.uuid();
    const now = clock.now();
    const own = { id, planned_image_id: ids.uuid(), now, public_key: key.public_key };
    const job = newJob(request, { ...facts, ...own }, settings.jobs);
    await records.commit([
      { op: "insert", kind: "job", id, value: job },
      { op: "insert", kind: "job-activity", id, value: queued(id, now) },
    ]);
    wake();
    return job;
  }

  const changes = createJobChanges(ports, settings, wake);

  return {
    async list(query = {}) {
      return (await listValues(records, "job")).filter(jobFilter(query, clock.now()));
    },
    get: async (id) => (await getStored(records, "job", id)).value,
    create,
    ...changes,
    async removeAll(query = {}) {
      const matches = jobFilter(query, clock.now());
      const doomed = new Set(
        (await listStored(records, "job")).filter((job) => matches(job.value)).map(({ id }) => id),
      );
      await forEachRecord(ports, "job", async (id) => {
        if (doomed.has(id)) await changes.remove(id);
      });
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
