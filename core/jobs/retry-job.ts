import { findKept } from "../artifacts/journal.ts";
import { addressOf } from "../artifacts/link.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Job } from "./job.ts";
import type { JobFacts, JobRequest } from "./new-job.ts";
import { isTerminal } from "./status.ts";

/**
 * What a job was asked for and what it copied then. Records that are gone since do not matter, as they did not matter
 * to the job; its source does.
 * @throws `conflict` while the job is not over, `invalid` when what it worked on is gone for good.
 */
export async function inputOf(
  ports: CorePorts,
  job: Job,
): Promise<{
  readonly request: JobRequest;
  readonly facts: Omit<JobFacts, "id" | "planned_image_id" | "now">;
}> {
  if (!isTerminal(job.status))
    throw new DomainError("conflict", `The job has not ended yet (${job.status}); cancel it first.`);
  await expectSource(ports, job);
  const { arch, public_key, source } = job;
  return { request: requestOf(job), facts: { arch, public_key, source } };
}

function requestOf(job: Job): JobRequest {
  return {
    job_type: job.job_type,
    artifact_id: job.artifact_id,
    public_key_id: job.public_key_id,
    image_root_archive_name: job.image_root_archive_name,
    kernel_file_name: job.kernel_file_name,
    initrd_file_name: job.initrd_file_name,
    kernel_parameters_file_name: job.kernel_parameters_file_name,
    enable_debug: job.enable_debug,
    build_env_size: job.build_env_size,
    job_mem_size: job.job_mem_size,
    ssh_containers: job.ssh_containers?.map(({ name, jail }) => ({ name, jail })) ?? null,
    require_dkms: job.require_dkms,
    priority: job.priority,
  };
}

/** A deleted record's objects may still be in the trash, where agents find them, too. */
async function expectSource(ports: CorePorts, job: Job): Promise<void> {
  await ports.journals.settle(job.artifact_id);
  if ((await findKept(ports.artifacts, addressOf(job.source.link))) !== undefined) return;
  const what = job.job_type === "create" ? "recipe's archive" : "image's manifest";
  throw new DomainError(
    "invalid",
    `The ${what} ${job.source.link.path} is gone, so the job cannot be started again: upload it anew and post a job for it.`,
  );
}
