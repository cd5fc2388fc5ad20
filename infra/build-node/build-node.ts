import { execFile } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const HERE = import.meta.dirname;
/** Overlays of overlays do not work, and /tmp often is one's own in a node. */
const HOME = "/var/lib/ims-build-nodes";
const MOST_NODES = 60;
const MOST_LOOKS = 100;
const BUFFER = 64 * 1024 * 1024;

/** A stand-in for a remote build node: a real sshd and podman in a network namespace of this machine. Needs root. */
export interface BuildNode {
  readonly number: number;
  readonly address: string;
  /** Its /var/lib/ims-jobs, as this machine sees it. */
  readonly jobs: string;
  /** Private key that opens it. */
  readonly keyFile: string;
  /** `ssh-ed25519 AAAA...` */
  hostKey(): Promise<string>;
  /** Runs a program on it, not over the network. */
  inside(file: string, ...args: readonly string[]): Promise<string>;
  /** Nothing passes between it and the others any more, and nobody is told. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Everything on it ends at once. */
  kill(): Promise<void>;
  /** After `kill`. */
  boot(): Promise<void>;
  /** Installs it anew, as far as ssh sees: another host key. */
  changeHostKey(): Promise<void>;
  remove(): Promise<void>;
}

async function freeNumber(folder: (number: number) => string): Promise<number> {
  for (let number = 1; number <= MOST_NODES; number += 1) {
    const made = await mkdir(folder(number)).then(
      () => true,
      () => false,
    );
    if (made) return number;
  }
  throw new Error(`There are ${MOST_NODES} build nodes in ${HOME} already.`);
}

/** Until sshd has been started again, with this key. */
async function shows(address: string, hostKey: string): Promise<void> {
  for (let tries = 0; tries < MOST_LOOKS; tries += 1) {
    const { stdout } = await run("ssh-keyscan", ["-T", "1", "-t", "ed25519", address]).catch(() => ({
      stdout: "",
    }));
    if (stdout.includes(hostKey)) return;
    await sleep(100);
  }
  throw new Error(`sshd at ${address} does not show its new key.`);
}

/** `like`: the same key opens both. */
export async function startBuildNode(like?: BuildNode): Promise<BuildNode> {
  await mkdir(HOME, { recursive: true });
  const number = await freeNumber((one) => path.join(HOME, `node-${one}`));
  const folder = path.join(HOME, `node-${number}`);
  const name = `ims-node-${number}`;
  const address = `10.211.${number}.2`;
  const keyFile = path.join(folder, "key");
  const script = (file: string, ...args: readonly string[]) =>
    run("bash", [path.join(HERE, file), String(number), folder, ...args]);
  let first = "";
  const boot = async (): Promise<void> => {
    first = (await script("up.sh")).stdout.trim();
  };
  const hostKey = async (): Promise<string> =>
    (await readFile(path.join(folder, "hostkey.pub"), "utf8")).split(" ").slice(0, 2).join(" ").trim();

  try {
    if (like === undefined) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
    else for (const kind of ["", ".pub"]) await copyFile(`${like.keyFile}${kind}`, `${keyFile}${kind}`);
    await writeFile(path.join(folder, "authorized_keys"), await readFile(`${keyFile}.pub`));
    await chmod(path.join(folder, "authorized_keys"), 0o600);
    await boot();
  } catch (error) {
    await script("down.sh", "remove");
    throw error;
  }
  const inside = async (file: string, ...args: readonly string[]): Promise<string> => {
    const entering = [`--mount=/proc/${first}/ns/mnt`, `--net=/run/netns/${name}`];
    const env = { ...process.env, CONTAINERS_CONF: path.join(folder, "containers.conf") };
    return (await run("nsenter", [...entering, file, ...args], { maxBuffer: BUFFER, env })).stdout;
  };
  return {
    number,
    address,
    jobs: path.join(folder, "jobs"),
    keyFile,
    hostKey,
    inside,
    cut: async () => void (await run("ip", ["link", "set", `ve-${name}`, "down"])),
    mend: async () => void (await run("ip", ["link", "set", `ve-${name}`, "up"])),
    kill: async () => void (await script("down.sh")),
    boot,
    changeHostKey: async () => {
      for (const file of ["hostkey", "hostkey.pub"]) await rm(path.join(folder, file));
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path.join(folder, "hostkey")]);
      await inside("pkill", "-x", "--ns", first, "--nslist", "net", "sshd");
      await shows(address, await hostKey());
    },
    remove: async () => void (await script("down.sh", "remove")),
  };
}

/** For one that has to be unique on this machine and gone after: a folder that nodes may see. */
export async function nodeScratch(): Promise<string> {
  await mkdir(HOME, { recursive: true });
  return await mkdtemp(path.join(HOME, "scratch-"));
}
