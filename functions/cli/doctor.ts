import { parseArgs } from "node:util";
import { type CliCommand, readArguments, UsageError } from "./command.ts";

const HELP = `usage: ims doctor [--try]

Looks at everything that the environment names: whether the stores answer and have their table and buckets, whether the
programs that jobs run are there, and whether the cluster grants and has what jobs need of it. Says of each thing that is
missing what to do about it. It changes nothing. Give it the environment of the service.

  --try   with IMS_JOBS=kubernetes also start one pod as jobs do, to see whether the image can be fetched, a volume is
          made and there is room; it is removed again

Exit code 0 when nothing is missing, else 1.`;

export const doctorCommand: CliCommand = {
  name: "doctor",
  summary: "say what the service's surroundings lack, and what to do about it",
  help: HELP,
  async run({ doctor, terminal }, words) {
    const { positionals, values } = readArguments(() =>
      parseArgs({ args: [...words], options: { try: { type: "boolean" } }, allowPositionals: true }),
    );
    const [first] = positionals;
    if (first !== undefined) throw new UsageError(`ims doctor takes no arguments, and was given ${first}.`);
    let lacks = 0;
    for await (const { area, hint, lack, note } of doctor({ trial: values.try === true })) {
      if (lack === undefined) terminal.line(`ok    ${area}${note === undefined ? "" : `  ${note}`}`);
      else {
        lacks += 1;
        terminal.line(`lack  ${area}  ${lack}`);
        if (hint !== undefined) terminal.line(`      ${hint}`);
      }
    }
    return lacks === 0 ? 0 : 1;
  },
};
