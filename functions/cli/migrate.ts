import { parseArgs } from "node:util";
import { createBackupProgress } from "./backup-progress.ts";
import { type CliCommand, readArguments, UsageError } from "./command.ts";
import { tellProblems } from "./import.ts";

const HELP = `usage: ims migrate --from FILE.env [--dry-run] [--overwrite]
       ims migrate --original FOLDER [--from FILE.env] [--dry-run] [--overwrite]

Moves a whole installation into the store that the environment describes: all records, all objects with their metadata
and ETags, and the logs of all jobs, from SQLite and files to DynamoDB and S3, back, or any other way. The source is read
and not changed. Stop every service that uses either; should the source change all the same, it is said so.

  --from FILE.env    where the source is: the variables that its service is started with (IMS_DATA=/var/lib/ims,
                     IMS_RECORDS=dynamodb and so on), a line each; nothing else counts for it
  --original FOLDER  takes the records from the data files of the Cray System Management IMS (v2.1_images.json and so
                     on, in /var/ims/data); stop it first. Objects stay where they are, in the S3 that it uses, unless
                     --from says where that is (IMS_ARTIFACTS=s3 and its S3_ variables) and this store has another
  --dry-run          reads both, says what would be done, and changes nothing
  --overwrite        makes a store that has something else what the source is: its other records are lost, and objects
                     under the same names replaced. Other objects and logs stay (ims audit lists them)

What is there already, and the same, is passed over: a move that was cut short, at any point, is finished by the same
command. Every object is held to the SHA-256 that it was stored with; one that has none is read twice. Objects come first
and the records that name them last.

Of the original's records, members that nobody knows are named and left out. A broken record, or one that is in two files,
is named with file and position, and nothing is changed then. Its times count as UTC. Jobs that were under way end in
agent_lost.

Copy the secret (IMS_SECRET_FILE, by default the file secret in IMS_DATA) as well: without it static tokens open nothing any
more. Parts of uploads that are not complete stay behind: begin those anew.

Exit code 0 when all of it is there, 1 when something is not, or has another ETag.`;

const OPTIONS = {
  from: { type: "string" },
  original: { type: "string" },
  "dry-run": { type: "boolean", default: false },
  overwrite: { type: "boolean", default: false },
} as const;

export const migrateCommand: CliCommand = {
  name: "migrate",
  summary: "move an installation to another storage, also one of the original service",
  help: HELP,
  async run(context, words) {
    const order = readWords(words);
    const moved = await context.migrate({ ...order, progress: createBackupProgress(context, Date.now) });
    const { records, objects, logs, notes = [] } = moved;
    for (const note of notes) context.terminal.error(note);
    const done = order.dryRun ? "To move: " : "Moved: ";
    context.terminal.line(`${done}${records} records, ${objects} objects, ${logs} logs`);
    return tellProblems(context, moved);
  },
};

function readWords(words: readonly string[]) {
  return readArguments(() => {
    const { values } = parseArgs({ args: [...words], options: OPTIONS });
    const { from, original, overwrite, "dry-run": dryRun } = values;
    if (from === undefined && original === undefined)
      throw new UsageError("Say what is moved: --from FILE.env, or --original FOLDER.");
    return {
      ...(from === undefined ? {} : { from }),
      ...(original === undefined ? {} : { original }),
      overwrite,
      dryRun,
    };
  });
}
