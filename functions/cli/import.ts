import { parseArgs } from "node:util";
import type { BroughtIn } from "../../core/backup/bring-in.ts";
import { createBackupProgress } from "./backup-progress.ts";
import { type CliCommand, type CliContext, readArguments, UsageError } from "./command.ts";

const HELP = `usage: ims import FILE.tar|FOLDER [--dry-run] [--overwrite]

Brings a backup that ims export wrote into the store that the environment describes, of whatever kind: a backup of SQLite
and files goes into DynamoDB and S3, and back. Stop every service that uses the store first.

All of the backup is read and checked before anything is changed; a damaged one is refused. So is a store that has
records that the backup does not have. What is there already, and the same, is passed over: an import that was cut short
is finished by the same command.

  --dry-run    check the backup and the store, say what would be done, and change nothing
  --overwrite  make a store that has something else what the backup is: its other records are lost, and objects under the
               same names replaced. Objects and logs that the backup does not have stay (ims audit lists them)

Metadata and ETags of objects are kept; of those that the store can only have under another ETag, each is named. Jobs
that ran when the backup was made have lost their agents, and end with agent_lost when the service starts.`;

const OPTIONS = {
  "dry-run": { type: "boolean", default: false },
  overwrite: { type: "boolean", default: false },
} as const;

export const importCommand: CliCommand = {
  name: "import",
  summary: "bring a backup into a store, of whatever kind",
  help: HELP,
  async run(context, words) {
    const { where, dryRun, overwrite } = readWords(words);
    const progress = createBackupProgress(context, Date.now);
    const imported = await context.backups.import(where, { dryRun, overwrite, progress });
    const { records, objects, logs } = imported;
    const done = dryRun ? "The backup is whole. To import: " : "Imported: ";
    context.terminal.line(`${done}${records} records, ${objects} objects, ${logs} logs`);
    return tellProblems(context, imported);
  },
};

/** Names what is not as it was, where errors go. Answers the exit code. */
export function tellProblems({ terminal }: CliContext, { changedEtags, leftOut }: BroughtIn): number {
  for (const { bucket, key } of changedEtags)
    terminal.error(`s3://${bucket}/${key} has another ETag than records and manifests say.`);
  for (const { bucket, key, reason } of leftOut)
    terminal.error(`s3://${bucket}/${key} was left out: ${reason}`);
  return changedEtags.length + leftOut.length === 0 ? 0 : 1;
}

function readWords(words: readonly string[]) {
  return readArguments(() => {
    const { values, positionals } = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
    const [where, ...more] = positionals;
    if (where === undefined || more.length > 0)
      throw new UsageError("Which backup? Name one file, or one folder.");
    return { where, dryRun: values["dry-run"], overwrite: values.overwrite };
  });
}
