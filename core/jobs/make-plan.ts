import type { Settings } from "../settings.ts";
import type { JobFailure } from "./failure.ts";
import type { Job } from "./job.ts";
import type { Download, Plan, ShellOrder, Step } from "./plan.ts";
import { GIB } from "./shortage.ts";

/** Why this service cannot carry a job out at all, or `undefined` when it can. */
export function unsupported(job: Job, settings: Settings): Omit<JobFailure, "phase"> | undefined {
  const refuse = (message: string, hint: string) => ({
    code: "not_supported" as const,
    message,
    log_tail: [],
    hint,
  });
  const what = job.job_type === "create" ? "recipe" : "image";
  if (job.arch !== settings.jobs.nativeArch)
    return refuse(
      `This machine builds ${settings.jobs.nativeArch} images and the ${what} is for ${job.arch}.`,
      `Run the service on an ${job.arch} machine, or take one for ${settings.jobs.nativeArch}.`,
    );
  return undefined;
}

/** What the job's agent does, in order. `download` is of the recipe's archive or the image's rootfs. */
export function createPlan(job: Job, attempt: number, download: Download, settings: Settings): Plan {
  const before = job.job_type === "create" ? recipeSteps(job, download, settings) : shellSteps(download);
  return {
    job_id: job.id,
    attempt,
    arch: job.arch,
    build_env_size: job.build_env_size,
    heartbeat_seconds: settings.jobs.heartbeatSeconds,
    log_bytes: settings.jobs.maxLogBytes,
    ...shellOf(job, settings),
    steps: [...before, ...packagingSteps(job, settings)],
  };
}

/** Later entries of the template dictionary win (behaviour 162). */
function recipeSteps(job: Job, download: Download, settings: Settings): Step[] {
  const variables = Object.fromEntries(
    (job.source.template_dictionary ?? []).map(({ key, value }) => [key, value]),
  );
  const { recipeLimits } = settings.jobs;
  return [
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
  ];
}

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

/** What cannot work is found out before anything is fetched. */
function shellSteps(download: Download): Step[] {
  return [
    { do: "check-shell", status: "fetching_image" },
    { do: "fetch-rootfs", status: "fetching_image", download },
    { do: "unpack-rootfs", status: "fetching_image" },
    { do: "open-shell", status: "fetching_image" },
    { do: "wait-for-user", status: "waiting_on_user" },
    { do: "close-shell", status: "packaging_artifacts" },
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

function shellOf(job: Job, { jobs }: Settings): { shell?: ShellOrder } {
  if (job.job_type === "create" && !job.enable_debug) return {};
  const shell = {
    public_key: job.public_key,
    ...jobs.shell,
    jail: job.ssh_containers?.[0]?.jail ?? false,
    dkms: job.require_dkms,
    idle_seconds: jobs.idleLimitSeconds,
    idle_warning_seconds: jobs.idleWarningSeconds,
  };
  return { shell };
}
