import type { Job } from "../../core/jobs/job.ts";
import { newJob } from "../../core/jobs/new-job.ts";
import { testSettings } from "./settings.ts";

const ID = "11111111-1111-4111-8111-111111111111";

/** A create job as it is right after its POST, with these members changed. */
export function aJob(changes: Partial<Job> = {}): Job {
  const job = newJob(
    {
      job_type: "create",
      artifact_id: "22222222-2222-4222-8222-222222222222",
      public_key_id: "33333333-3333-4333-8333-333333333333",
      image_root_archive_name: "an image",
    },
    {
      id: ID,
      planned_image_id: "44444444-4444-4444-8444-444444444444",
      now: Date.parse("2026-06-15T12:00:00.000Z"),
      arch: "x86_64",
      public_key: "ssh-ed25519 AAAA someone\n",
      source: {
        link: { type: "s3", path: "s3://ims/recipes/r/recipe.tar.gz", etag: "e" },
        recipe_type: "kiwi-ng",
      },
      recipe_require_dkms: false,
    },
    testSettings().jobs,
  );
  return { ...job, ...changes };
}
