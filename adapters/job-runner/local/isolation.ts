import { readFile } from "node:fs/promises";
import { isDomainError } from "../../../core/errors.ts";
import type { RunCommand } from "../../../core/ports/commands.ts";
import { asDomainError, isMissing } from "../../process/errors.ts";

const LIMIT_MILLISECONDS = 10_000;

/**
 * Mounts, host name, processes and shared memory of their own: they end with the agent, whatever it leaves behind.
 * Killing `unshare` kills the agent, and with it, as it is the first of its process namespace, all the rest.
 */
const UNSHARE = [
  "--mount",
  "--uts",
  "--pid",
  "--ipc",
  "--fork",
  "--kill-child=KILL",
  "--propagation",
  "private",
  "--mount-proc",
  "--",
];

/**
 * What no build needs, with the kernel's numbers. Builds do need to mount, to chroot, to make devices, to become other
 * users and to give files capabilities, and the agent to look at their processes.
 */
const DROPPED: Readonly<Record<string, number>> = {
  dac_read_search: 2,
  net_broadcast: 11,
  net_admin: 12,
  net_raw: 13,
  sys_module: 16,
  sys_rawio: 17,
  sys_pacct: 20,
  sys_boot: 22,
  sys_time: 25,
  sys_tty_config: 26,
  audit_control: 30,
  mac_override: 32,
  mac_admin: 33,
  syslog: 34,
  wake_alarm: 35,
  block_suspend: 36,
  audit_read: 37,
  perfmon: 38,
  bpf: 39,
  checkpoint_restore: 40,
};

/** A program and its arguments. */
export type Argv = readonly [file: string, ...args: string[]];

/** How agents are kept apart on this machine. */
export interface Isolation {
  /** The command that runs this one apart. */
  readonly wrap: (command: Argv) => Argv;
  /** Whether nobody else sees what an agent mounts. */
  readonly ownMounts: boolean;
  /** What this machine does not give, each as the end of "Jobs run without ...". */
  readonly lacks: readonly string[];
}

export const NO_ISOLATION: Isolation = { wrap: (command) => command, ownMounts: false, lacks: [] };

/** Finds out what this machine gives. It gives less to who is not root, and in most containers. */
export async function probeIsolation(run: RunCommand): Promise<Isolation> {
  const unshare: Argv = ["unshare", ...UNSHARE];
  const setpriv: Argv = ["setpriv", "--bounding-set", await droppedList(), "--"];
  const noNamespaces = await obstacle(run, unshare);
  const noDropping = await obstacle(run, setpriv);
  const prefix = [
    ...(noNamespaces === undefined ? unshare : []),
    ...(noDropping === undefined ? setpriv : []),
  ];
  return {
    wrap: ([file, ...args]) => {
      const [first, ...rest] = prefix;
      return first === undefined ? [file, ...args] : [first, ...rest, file, ...args];
    },
    ownMounts: noNamespaces === undefined,
    lacks: [
      ...(noNamespaces === undefined
        ? []
        : [`namespaces of their own, and without hiding the service's data (${noNamespaces})`]),
      ...(noDropping === undefined ? [] : [`giving up capabilities (${noDropping})`]),
    ],
  };
}

/** An older kernel does not know the last of them. */
async function droppedList(): Promise<string> {
  const last = Number(await readIfThere("/proc/sys/kernel/cap_last_cap"));
  const known = Object.entries(DROPPED).filter(([, number]) => number <= last);
  return known.map(([name]) => `-${name}`).join(",");
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    throw asDomainError(error, "This machine's capabilities cannot be read.");
  }
}

/** Why a program does not run behind these words, or `undefined` when it does. */
async function obstacle(run: RunCommand, [file, ...args]: Argv): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MILLISECONDS);
    const { exitCode, tail } = await run({ file, args: [...args, "true"], signal, quiet: true });
    return exitCode === 0 ? undefined : (tail.at(-1) ?? `${file} fails`);
  } catch (error) {
    if (isDomainError(error)) return error.message;
    throw error;
  }
}
