import { parseArgs } from "node:util";
import type { Exported } from "../../core/backup/export.ts";
import { createBackupProgress, sizeText } from "./backup-progress.ts";
import { type CliCommand, readArguments, UsageError } from "./command.ts";

const HELP = `usage: ims export FILE.tar [--without-logs] [--records-only]
       ims export FOLDER ...
       ims export - ... > FILE.tar

Writes a backup of the store: all records, all objects with their metadata and ETags, and the logs of all jobs. It works
on the store that the service uses, also while it runs: give it the same environment (IMS_DATA and so on). Every entry
has a SHA-256 digest, which ims import checks.

  FILE.tar         one tar archive; it has its name only when it is whole
  FOLDER           the same as files; there must be nothing yet under that name
  -                the archive goes to the standard output
  --without-logs   without the logs of jobs
  --records-only   without logs and objects

Records are as of one moment. In SQLite that is a read transaction. DynamoDB is read page by page: should records still
change after ten looks, they are taken as they were when reading got there, and it is said so. Objects are looked at
twice between two looks at the records, until they agree; what is copied already is not copied again.

It does not have the secret (IMS_SECRET_FILE, by default the file secret in IMS_DATA). Keep it with the backup: without it
static tokens open nothing any more. A backup holds what the store holds: keep it as safe.

Exit code 0 when all is in it, 1 when something is not, or not as of one moment.`;

const OPTIONS = {
  "without-logs": { type: "boolean", default: false },
  "records-only": { type: "boolean", default: false },
} as const;

export const exportCommand: CliCommand = {
  name: "export",
  summary: "write a backup of all records, objects and logs",
  help: HELP,
  async run(context, words) {
    const { where, recordsOnly, withoutLogs } = readWords(words);
    const exported = await context.backups.export(where, {
      objects: !recordsOnly,
      logs: !recordsOnly && !withoutLogs,
      progress: createBackupProgress(context, Date.now),
    });
    // The archive may be on the standard output.
    if (where === "-") context.terminal.error(summaryOf(exported, where));
    else context.terminal.line(summaryOf(exported, where));
    const problems = problemsOf(exported);
    for (const problem of problems) context.terminal.error(problem);
    return problems.length === 0 ? 0 : 1;
  },
};

function readWords(words: readonly string[]) {
  return readArguments(() => {
    const { values, positionals } = parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
    const [where, ...more] = positionals;
    if (where === undefined || more.length > 0)
      throw new UsageError("Say where the backup goes: one file, or one folder.");
    return { where, recordsOnly: values["records-only"], withoutLogs: values["without-logs"] };
  });
}

function summaryOf({ manifest: { records, objects, logs } }: Exported, where: string): string {
  const count = Object.values(records.counts).reduce((sum, one) => sum + one, 0);
  const parts = [
    `${count} records`,
    ...(objects === undefined ? [] : [`${objects.count} objects (${sizeText(objects.bytes)})`]),
    ...(logs === undefined ? [] : [`${logs.count} logs (${sizeText(logs.bytes)})`]),
  ];
  return `${parts.join(", ")} in ${where === "-" ? "the backup" : where}`;
}

function problemsOf({ manifest: { records, objects }, damaged }: Exported): string[] {
  return [
    ...damaged.map(
      ({ bucket, key }) =>
        `s3://${bucket}/${key} is damaged, and not in the backup: it is not what was stored.`,
    ),
    ...(records.of_one_moment
      ? []
      : ["The records changed all the time and are not as of one moment. Export again when less is done."]),
    ...(objects?.agree_with_records === false
      ? ["Objects moved all the time, and may not be where the records say. Export again when less is done."]
      : []),
  ];
}
