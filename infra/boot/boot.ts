import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { plainEnvironment } from "../../adapters/process/environment.ts";
import { createRunCommand } from "../../adapters/process/spawn.ts";
import { plainLine, qemuCommand } from "./qemu.ts";

const USAGE = `usage: boot.ts --kernel FILE --initrd FILE --rootfs FILE --log FILE [--limit SECONDS] [--greeting TEXT]

Boots an image in QEMU, without KVM, its squashfs as the disk. Shows the console and writes it to the log, until the
image has greeted and powered off or the limit (300 s) is reached. Exit code 0: the greeting (IMS-BOOT-OK) was seen.`;

const OPTIONS = {
  kernel: { type: "string" },
  initrd: { type: "string" },
  rootfs: { type: "string" },
  log: { type: "string" },
  limit: { type: "string", default: "300" },
  greeting: { type: "string", default: "IMS-BOOT-OK" },
  help: { type: "boolean", default: false },
} as const;

const MEMORY_MIB = 1024;
/** How long a machine that has greeted may take to power off. */
const POWEROFF_LIMIT_MS = 60_000;

interface BootOrder {
  readonly file: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly limitSeconds: number;
  readonly greeting: string;
}

interface Booted {
  readonly greeting: string | undefined;
  readonly ending: string;
}

function endOnSignal(end: AbortController): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => end.abort(new Error(`ended by ${signal}`)));
}

/** Runs the machine to its end; a machine that is ended because of a limit is an answer, not an error. */
async function boot(order: BootOrder): Promise<Booted> {
  const log = createWriteStream(order.log);
  await once(log, "open");
  const end = new AbortController();
  const late = new Error(`ended at the limit of ${order.limitSeconds} s`);
  const timers = [setTimeout(() => end.abort(late), order.limitSeconds * 1000)];
  endOnSignal(end);
  let greeting: string | undefined;
  const onLine = (raw: string): void => {
    const line = plainLine(raw);
    log.write(`${line}\n`);
    process.stdout.write(`${line}\n`);
    if (greeting !== undefined || !line.includes(order.greeting)) return;
    greeting = line.slice(line.indexOf(order.greeting));
    timers.push(setTimeout(() => end.abort(new Error("it did not power off")), POWEROFF_LIMIT_MS));
  };
  try {
    const run = createRunCommand({ env: plainEnvironment(process.env) });
    const result = await run({ file: order.file, args: order.args, onLine, signal: end.signal });
    return { greeting, ending: `ended with exit code ${result.exitCode}` };
  } catch (error) {
    if (!end.signal.aborted || !(error instanceof Error)) throw error;
    return { greeting, ending: error.message };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    log.end();
    await once(log, "close");
  }
}

function readOrder(words: readonly string[]): BootOrder | undefined {
  const { values } = parseArgs({ args: [...words], options: OPTIONS });
  const { kernel, initrd, rootfs, log, greeting } = values;
  const limitSeconds = Number(values.limit);
  if (kernel === undefined || initrd === undefined || rootfs === undefined || log === undefined)
    return undefined;
  if (!(limitSeconds > 0)) throw new Error("--limit is not a number of seconds.");
  const command = qemuCommand({ kernel, initrd, rootfs }, process.arch, MEMORY_MIB);
  if (command === undefined) throw new Error(`No emulator is known for ${process.arch} machines.`);
  return { ...command, log, limitSeconds, greeting };
}

async function main(words: readonly string[]): Promise<number> {
  if (words.includes("--help")) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const order = readOrder(words);
  if (order === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const started = performance.now();
  const booted = await boot(order);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  if (booted.greeting === undefined) {
    process.stderr.write(
      `error: No greeting within ${seconds} s (the machine ${booted.ending}); see ${order.log}.\n`,
    );
    return 1;
  }
  process.stdout.write(`\nThe image greeted: ${booted.greeting} (${seconds} s until the machine ended).\n`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
