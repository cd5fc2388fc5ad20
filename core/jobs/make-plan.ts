import type { Settings } from "../settings.ts";
import type { JobFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import type { Download, Plan, Step } from "./plan.ts";

/** Why this service cannot carry a job out at all, or `undefined` when it can. */
export function unsupported(job: Job, settings: Settings): Omit<JobFailure, "phase"> | undefined {
  const refuse = (message: string, hint: string) => ({
    code: "not_supported" as const,
    message,
    log_tail: [],
    hint,
  });
  if (job.job_type === "customize")
    return refuse(
      "Customize jobs are not supported yet.",
      "Change the recipe and build the image anew with a create job.",
    );
  if (job.arch !== settings.jobs.nativeArch)
    return refuse(
      `This machine builds ${settings.jobs.nativeArch} images and the recipe is for ${job.arch}.`,
      `Run the service on an ${job.arch} machine, or register a recipe for ${settings.jobs.nativeArch}.`,
    );
  return undefined;
}

const GIB = 2 ** 30;

/** How the image root comes about. packer recipes name no repositories that could be waited for. */
function buildSteps(job: Job, variables: Readonly<Record<string, string>>, settings: Settings): Step[] {
  if (job.source.recipe_type === "packer")
    return [
      {
        do: "build-with-packer",
        status: "building_image",
        image_name: job.image_root_archive_name,
        variables: { ...variables },
        max_bytes: job.build_env_size * GIB,
      },
    ];
  const wait_seconds = settings.jobs.repositoryWaitSeconds;
  return [
    { do: "await-repositories", status: "waiting_for_repos", wait_seconds },
    { do: "build-with-kiwi", status: "building_image" },
  ];
}

/** How an image root becomes the parts of an image, whatever made it. */
function packagingSteps(job: Job, settings: Settings): Step[] {
  return [
    {
      do: "collect-boot-files",
      status: "packaging_artifacts",
      kernel: job.kernel_file_name,
      initrd: job.initrd_file_name,
      kernel_parameters: job.kernel_parameters_file_name,
    },
    { do: "list-packages", status: "packaging_artifacts" },
    { do: "pack-rootfs", status: "packaging_artifacts", options: settings.jobs.pack },
    { do: "upload", status: "packaging_artifacts" },
  ];
}

/** What the agent of a create job does, in order. Later entries of the template dictionary win (behaviour 162). */
export function createPlan(job: Job, attempt: number, download: Download, settings: Settings): Plan {
  const variables = Object.fromEntries(
    (job.source.template_dictionary ?? []).map(({ key, value }) => [key, value]),
  );
  const { recipeLimits } = settings.jobs;
  const steps: Step[] = [
    { do: "fetch-recipe", status: "fetching_recipe", download },
    {
      do: "unpack-recipe",
      status: "fetching_recipe",
      recipe_type: job.source.recipe_type ?? "kiwi-ng",
      max_bytes: recipeLimits.maxBytes,
      max_entries: recipeLimits.maxEntries,
    },
    { do: "render-templates", status: "fetching_recipe", variables },
    ...buildSteps(job, variables, settings),
    ...packagingSteps(job, settings),
  ];
  return {
    job_id: job.id,
    attempt,
    arch: job.arch,
    build_env_size: job.build_env_size,
    heartbeat_seconds: settings.jobs.heartbeatSeconds,
    log_bytes: settings.jobs.maxLogBytes,
    steps,
  };
}
