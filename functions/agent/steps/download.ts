import type { Download } from "../../../core/jobs/plan.ts";
import { StepFailure, type StepContext } from "../step.ts";
import { orFail } from "./failing.ts";
import { percentReporter } from "./percent.ts";

/** What is fetched, in words for its user. */
export interface Fetched {
  /** Such as "recipe's archive". */
  readonly what: string;
  readonly damagedHint: string;
  readonly unreachableHint: string;
}

/** Fetches one object into a file, checked against all that is known of it. */
export async function fetchObject(
  context: StepContext,
  download: Download,
  file: string,
  { what, damagedHint, unreachableHint }: Fetched,
): Promise<void> {
  const { log, signal, tools } = context;
  let got = 0;
  const report = percentReporter(context, `Fetching the ${what}`);
  log(`Fetching the ${what}, ${download.size} bytes`);
  const fetching = tools.transfer.download({
    url: download.url,
    file,
    size: download.size,
    ...(download.md5 === undefined ? {} : { md5: download.md5 }),
    ...(download.sha256 === undefined ? {} : { sha256: download.sha256 }),
    onProgress: (bytes) => {
      got = bytes;
      report(bytes, download.size);
    },
    onRetry: (reason) => log(`Fetching goes on after a pause: ${reason}`),
    signal,
  });
  await orFail(fetching, (error) =>
    error.code === "invalid"
      ? new StepFailure("checksum_mismatch", `The ${what} is not what it should be. ${error.message}`, {
          hint: damagedHint,
          cause: error,
        })
      : new StepFailure(
          "download_failed",
          `The ${what} could not be fetched: ${got} of ${download.size} bytes came. ${error.message}`,
          {
            hint: unreachableHint,
            cause: error,
          },
        ),
  );
  log(
    download.md5 === undefined && download.sha256 === undefined ? "Fetched" : "Fetched, checksums are right",
  );
}
