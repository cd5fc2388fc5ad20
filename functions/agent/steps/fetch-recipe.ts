import { join } from "node:path";
import { StepFailure, type StepFunction } from "../step.ts";
import { orFail } from "./failing.ts";
import { percentReporter } from "./percent.ts";

export const fetchRecipe: StepFunction<"fetch-recipe"> = async (context, { download }) => {
  const { log, signal, state, tools } = context;
  const file = join(context.workFolder, "recipe.tar.gz");
  let got = 0;
  const report = percentReporter(context, "Fetching the recipe");
  log(`Fetching the recipe's archive, ${download.size} bytes`);
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
      ? new StepFailure(
          "checksum_mismatch",
          `The recipe's archive is not what it should be. ${error.message}`,
          {
            hint: "The stored archive was changed or damaged after its record was made: upload it again.",
            cause: error,
          },
        )
      : new StepFailure(
          "download_failed",
          `The recipe's archive could not be fetched: ${got} of ${download.size} bytes came. ${error.message}`,
          {
            hint: "Check that the recipe's link leads to an archive and that the service can be reached from the machine that builds, then retry.",
            cause: error,
          },
        ),
  );
  log(
    download.md5 === undefined && download.sha256 === undefined ? "Fetched" : "Fetched, checksums are right",
  );
  state.recipeArchive = file;
};
