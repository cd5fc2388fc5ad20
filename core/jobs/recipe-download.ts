import { findKept } from "../artifacts/journal.ts";
import { addressOf } from "../artifacts/link.ts";
import { DomainError } from "../errors.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Settings } from "../settings.ts";
import type { Job } from "./job.ts";
import type { Download } from "./plan.ts";
import { signedDownload } from "./signed-download.ts";

/** Where the agent fetches the job's recipe from, and how it knows that it got it whole. @throws `invalid` when it is gone. */
export async function recipeDownload(ports: CorePorts, settings: Settings, job: Job): Promise<Download> {
  await ports.journals.settle(job.artifact_id);
  const address = addressOf(job.source.link);
  // Deleting the recipe does not touch the job (behaviour 170): its archive may have gone to the trash meanwhile.
  const info = await findKept(ports.artifacts, address);
  if (info === undefined)
    throw new DomainError("invalid", `The recipe's archive ${job.source.link.path} is gone.`);
  // the image will say that it was made of the archive that was there when the job was posted
  const sha256 = job.source.sha256 ?? info.sha256;
  const md5 = job.source.md5 ?? info.md5 ?? info.metadata["md5sum"];
  return await signedDownload(ports, settings, info, { md5, sha256 });
}
