import { createFileJobLogs } from "../../adapters/job-logs/files.ts";
import { createMemoryJobLogs } from "../../adapters/job-logs/memory.ts";
import { scratchFolder } from "../support/archives.ts";
import { jobLogsInTurn } from "../support/job-logs-in-turn.ts";
import { jobLogsContract } from "./job-logs.suite.ts";

jobLogsContract("memory", async () => createMemoryJobLogs());

jobLogsContract("files", async () => createFileJobLogs({ root: `${await scratchFolder()}/logs` }));

jobLogsContract("two stores on the same files", async () => {
  const root = await scratchFolder();
  return jobLogsInTurn([createFileJobLogs({ root }), createFileJobLogs({ root })]);
});
