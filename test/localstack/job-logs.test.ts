import { jobLogsContract } from "../contract/job-logs.suite.ts";
import { jobLogsInTurn } from "../support/job-logs-in-turn.ts";
import { freshLogsBucket, logsIn } from "../support/s3-job-logs.ts";

jobLogsContract("S3", async () => logsIn(await freshLogsBucket()));

jobLogsContract("two stores on one bucket", async () => {
  const bucket = await freshLogsBucket();
  return jobLogsInTurn([logsIn(bucket), logsIn(bucket)]);
});

jobLogsContract("segments and merged objects of a few bytes in S3", async () => {
  const bucket = await freshLogsBucket();
  const sizes = { segmentBytes: 70_000, mergedBytes: 200_000 };
  return jobLogsInTurn([logsIn(bucket, sizes), logsIn(bucket, sizes)]);
});
