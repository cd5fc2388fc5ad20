import type { Drift } from "../../core/artifacts/audit.ts";
import type { ArtifactAddress, ArtifactInfo } from "../../core/ports/artifacts.ts";
import { type CliCommand, UsageError } from "./command.ts";

const HELP = `usage: ims audit

Holds every object of the store against every record, live or in the trash, and lists where they do not agree. It
changes nothing and works on the store that the service uses, also while it runs: give it the same environment
(IMS_DATA and so on). What changes meanwhile may show; run it again.

  orphan   an object that no record names
  upload   an upload without a name yet: under way, or left by a request that died, and removed after a day
  missing  an object that a record names and that is not there

Exit code 0 when there are neither orphans nor missing objects, else 1.`;

export const auditCommand: CliCommand = {
  name: "audit",
  summary: "list objects that no record names, and those that records miss",
  help: HELP,
  async run({ terminal, audit }, words) {
    if (words.length > 0) throw new UsageError(`ims audit takes no arguments, and was given ${words[0]}.`);
    const drift = await audit();
    for (const line of linesOf(drift)) terminal.line(line);
    return drift.orphans.length + drift.missing.length === 0 ? 0 : 1;
  },
};

const urlOf = ({ bucket, key }: ArtifactAddress) => `s3://${bucket}/${key}`;

function linesOf({ orphans, uploads, missing }: Drift): string[] {
  const bytes = (all: readonly ArtifactInfo[]) => all.reduce((sum, { size }) => sum + size, 0);
  return [
    ...orphans.map((info) => `orphan   ${info.size} bytes  ${urlOf(info)}`),
    ...uploads.map((info) => `upload   ${info.size} bytes  ${urlOf(info)}`),
    ...missing.map(({ record, address }) => `missing  ${urlOf(address)}  of ${record}`),
    `${orphans.length} orphans (${bytes(orphans)} bytes), ${uploads.length} uploads (${bytes(uploads)} bytes), ` +
      `${missing.length} missing`,
  ];
}
