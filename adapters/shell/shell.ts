import { constants } from "node:fs";
import { lstat, mkdir, open, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../../core/errors.ts";
import {
  type OpenShell,
  type OpenShellOrder,
  SHELL_MARKERS,
  type ShellMarker,
  type ShellTool,
} from "../../core/ports/agent-tools.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { fileError } from "../archive/fs-errors.ts";
import { fileInside, lookInside } from "../archive/inside.ts";
import { isMissing } from "../process/errors.ts";
import { hasOwnMountNamespace, orNothing } from "../process/mount-namespace.ts";
import { passwdWith, type RootAccount, rootAccount, shadowWith } from "./accounts.ts";
import { keyTrouble, makeHostKey } from "./keys.ts";
import { createMounter, type Mounter } from "./mounter.ts";
import { lendResolvConf } from "./resolv-conf.ts";
import { prepareRoot, type ReadyRoot } from "./root-mounts.ts";
import { findSshd, type Sshd, startSshd } from "./sshd.ts";
import { isOccupied } from "./occupied.ts";
import { createUseMeter } from "./use.ts";

/** Where users find the image, as in the original. Only in the mount namespace of this agent. */
const MNT = "/mnt";
const SHOWN = "/mnt/image";
const IMAGE_ROOT = "/mnt/image/image-root";
const TERMINALS = "/dev/pts";

async function check(run: RunCommand, signal: AbortSignal): Promise<void> {
  if (process.getuid?.() !== 0 || !(await hasOwnMountNamespace()))
    throw new DomainError(
      "forbidden",
      "A shell needs mounts and processes of its own, and this machine gives the agent none.",
    );
  if ((await findSshd()) === undefined) throw new DomainError("not-found", "sshd is missing.");
  await run({ file: "ssh-keygen", args: ["-?"], quiet: true, signal });
}

async function textOf(path: string | undefined): Promise<string> {
  return (path === undefined ? undefined : await orNothing(readFile(path, "utf8"))) ?? "";
}

/** Whom a login becomes: root as the image has it in a jail, else as this machine has it. */
async function accountFor(jail: boolean, imageRoot: string): Promise<RootAccount> {
  const root = jail ? imageRoot : "/";
  const account = await rootAccount(root, await textOf(await fileInside(root, "etc/passwd")));
  if (account !== undefined) return account;
  throw new DomainError(
    "invalid",
    "The image has no shell to log in to: neither root's own, as /etc/passwd names it, nor /bin/bash or /bin/sh.",
  );
}

/** sshd asks this machine for root's home and shell, and whether the account is locked. */
async function mountAccounts(mounter: Mounter, account: RootAccount, folder: string): Promise<void> {
  await writeFile(join(folder, "passwd"), passwdWith(await textOf("/etc/passwd"), account), { mode: 0o644 });
  await mounter.mount("/etc/passwd", ["--bind", join(folder, "passwd")]);
  const shadow = await orNothing(readFile("/etc/shadow", "utf8"));
  if (shadow === undefined) return;
  await writeFile(join(folder, "shadow"), shadowWith(shadow), { mode: 0o600 });
  await mounter.mount("/etc/shadow", ["--bind", join(folder, "shadow")]);
}

/** Every terminal is the shell's own: nobody else's shows, and all of them can be warned. */
async function mountTerminals(mounter: Mounter): Promise<void> {
  const options = "newinstance,ptmxmode=666,mode=620,gid=5,nosuid,noexec";
  await mounter.mount(TERMINALS, ["-t", "devpts", "-o", options, "devpts"]);
}

async function mountImage(mounter: Mounter, folder: string): Promise<void> {
  await mounter.mount(MNT, ["-t", "tmpfs", "-o", "mode=755,size=1m", "tmpfs"]);
  await mkdir(SHOWN, { mode: 0o755 });
  await mounter.mount(SHOWN, ["--rbind", folder]);
}

/** Where the user puts the files that say how to go on. */
async function markerFolder(jail: boolean, folder: string): Promise<string | undefined> {
  if (!jail) return folder;
  const tmp = await lookInside(join(folder, "image-root"), "tmp");
  return tmp?.stats.isDirectory() === true ? tmp.path : undefined;
}

async function findMarker({ jail, folder }: OpenShellOrder): Promise<ShellMarker | undefined> {
  const place = await markerFolder(jail, folder);
  if (place === undefined) return undefined;
  const found = await Promise.all(
    SHELL_MARKERS.map((name) =>
      lstat(join(place, name)).then(
        () => name,
        (error: unknown) => {
          if (isMissing(error)) return undefined;
          throw fileError(error, "looking for the user's word");
        },
      ),
    ),
  );
  return found.toReversed().find((name) => name !== undefined);
}

async function removeMarkers({ jail, folder }: OpenShellOrder): Promise<void> {
  const place = await markerFolder(jail, folder);
  if (place === undefined) return;
  for (const name of SHELL_MARKERS) await rm(join(place, name), { force: true, recursive: true });
}

async function warn(text: string): Promise<void> {
  for (const name of await readdir(TERMINALS)) {
    if (!/^\d+$/u.test(name)) continue;
    const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK;
    // A terminal whose user is gone, or whose window is stuck, misses it.
    const terminal = await orNothing(open(join(TERMINALS, name), flags));
    if (terminal === undefined) continue;
    await orNothing(terminal.write(`\r\n${text}\r\n`));
    await terminal.close();
  }
}

interface Parts {
  readonly mounter: Mounter;
  sshd?: Sshd;
  root?: ReadyRoot;
  giveBack?: () => Promise<boolean>;
}

/** In the opposite order of opening; what was not reached has nothing to be undone. */
async function closeParts(order: OpenShellOrder, parts: Parts): Promise<void> {
  const { mounter, sshd, root, giveBack } = parts;
  delete parts.sshd;
  delete parts.root;
  delete parts.giveBack;
  await sshd?.stop();
  await mounter.unmountAll();
  if ((await giveBack?.()) === false)
    order.onLine("The image's resolv.conf was changed in the shell, and stays as its user left it");
  await root?.restore();
  if (sshd !== undefined) await removeMarkers(order);
}

/** Where shells listen, whatever is asked for. */
export interface ShellConfig {
  /** On all addresses: of an agent that has an address of its own, as in a container. */
  readonly port?: number | undefined;
  /** At any free port: of an agent whose users come another way than they do on the service's machine. */
  readonly host?: string | undefined;
}

type Listening = Pick<OpenShellOrder, "ports"> & { readonly host?: string };

function listening({ host, ports }: OpenShellOrder, { port, host: own }: ShellConfig): Listening {
  if (port !== undefined) return { ports: { first: port, last: port } };
  if (own !== undefined) return { host: own };
  return { host, ...(ports === undefined ? {} : { ports }) };
}

async function openParts(
  run: RunCommand,
  order: OpenShellOrder,
  { host, ports }: Listening,
  parts: Parts,
): Promise<Sshd> {
  const { mounter } = parts;
  const { scratchFolder, jail, environment, signal } = order;
  await mkdir(scratchFolder, { recursive: true, mode: 0o700 });
  const imageRoot = join(order.folder, "image-root");
  await mkdir(imageRoot, { recursive: true, mode: 0o755 });
  await removeMarkers(order);
  const hostKey = join(scratchFolder, "host_key");
  order.onLine(`The shell's host key is ${await makeHostKey(run, hostKey, signal)}`);
  const authorizedKeys = join(scratchFolder, "authorized_keys");
  await writeFile(authorizedKeys, order.publicKey, { mode: 0o600 });
  const account = await accountFor(jail, imageRoot);
  await mountTerminals(mounter);
  parts.giveBack = await lendResolvConf(imageRoot, join(scratchFolder, "aside"));
  parts.root = await prepareRoot(mounter, imageRoot, order.dkms);
  await mountImage(mounter, order.folder);
  await mountAccounts(mounter, account, scratchFolder);
  const config = {
    ...(host === undefined ? {} : { host }),
    hostKey,
    authorizedKeys,
    environment,
    ...(jail ? { jail: IMAGE_ROOT } : {}),
  };
  const onLine = (line: string): void => order.onLine(`sshd: ${line}`);
  parts.sshd = await startSshd(
    run,
    {
      config,
      ...(ports === undefined ? {} : { ports }),
      proc: IMAGE_ROOT + parts.root.proc.slice(imageRoot.length),
      folder: scratchFolder,
      onLine,
    },
    signal,
  );
  return parts.sshd;
}

/** Opens shells on image roots: OpenSSH's sshd in namespaces of its own, for one job each. */
export function createShell(run: RunCommand, config: ShellConfig = {}): ShellTool {
  const open = async (order: OpenShellOrder): Promise<OpenShell> => {
    const parts: Parts = { mounter: createMounter(run) };
    try {
      const where = listening(order, config);
      const sshd = await openParts(run, order, where, parts);
      const used = createUseMeter(TERMINALS);
      return {
        port: sshd.port,
        ...(where.host === undefined || where.host === config.host ? {} : { host: where.host }),
        ended: sshd.ended,
        said: () => findMarker(order),
        used,
        occupied: isOccupied,
        warn: async (text) => {
          await warn(text);
          // what was shown just now is no use
          await used();
        },
        close: () => closeParts(order, parts),
      };
    } catch (error) {
      await closeParts(order, parts);
      throw fileError(error, "opening the shell");
    }
  };
  return {
    check: (signal) => check(run, signal),
    keyTrouble: (publicKey, folder, signal) => keyTrouble(run, publicKey, folder, signal),
    open,
  };
}
