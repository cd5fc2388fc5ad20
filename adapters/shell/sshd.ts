import { constants } from "node:fs";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DomainError } from "../../core/errors.ts";
import type { RunCommand } from "../../core/ports/commands.ts";
import { SYSTEM_PATH } from "../process/environment.ts";
import { freeShellPort, greets } from "./greeting.ts";
import { sshdConfig, type SshdConfig } from "./sshd-config.ts";

/** Folder that sshd goes into before anybody is known; its service file makes it, which is not in use here. */
const EMPTY_FOLDER = "/run/sshd";
const GREETING_LIMIT_MS = 30_000;
const PAUSE_MS = 50;
const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0";
const MOST_TRIES = 50;
const KEPT_LINES = 20;
/** Of looking whether it greets, and of a machine's list of logins, which it cannot write in a jail. */
const NOISE = /^(?:kex_exchange_identification|syslogin_perform_logout|Connection closed by \S+ port \d+$)/u;

export interface SshdOrder {
  readonly config: Omit<SshdConfig, "port">;
  readonly ports?: { readonly first: number; readonly last: number };
  /** Where its processes show as /proc besides their own. */
  readonly proc: string;
  /** Takes the configuration. */
  readonly folder: string;
  readonly onLine: (line: string) => void;
}

export interface Sshd {
  readonly port: number;
  /** Resolves with how it ended, unless it was told to. */
  readonly ended: Promise<string>;
  /** Ends it with everything that runs in it, whatever that did to get away. */
  stop(): Promise<void>;
}

/** Path of sshd, which insists on being called by it. */
export async function findSshd(): Promise<string | undefined> {
  for (const folder of SYSTEM_PATH) {
    const file = join(folder, "sshd");
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}

/**
 * Processes and mounts of its own: sshd is the first of its processes, so that nothing outlives it, and the /proc of
 * those who log in shows neither the agent nor anything else of the machine.
 */
const APART = ["--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private", "--mount-proc"];

function argumentsOf(sshd: string, proc: string, configFile: string): readonly string[] {
  const withProc = ["unshare", "--mount", "--propagation", "private", `--mount-proc=${proc}`];
  return [...APART, "--", ...withProc, "--", sshd, "-D", "-e", "-f", configFile];
}

/** A running sshd, as far as it tells. */
interface Running {
  readonly lines: readonly string[];
  /** Whether it said that it has the port. */
  readonly listens: () => boolean;
  readonly hasEnded: () => boolean;
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

function begin(run: RunCommand, order: SshdOrder, args: readonly string[]): Running {
  const stopping = new AbortController();
  const lines: string[] = [];
  let [listens, over] = [false, false];
  const onLine = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    listens ||= line.startsWith("Server listening on ");
    if (!NOISE.test(line)) order.onLine(line);
  };
  const ended = run({ file: "unshare", args, quiet: true, signal: stopping.signal, onLine }).then(
    ({ exitCode }) => `exit code ${exitCode}`,
    (error: unknown) => (error instanceof Error ? error.message : "unknown reason"),
  );
  void ended.then(() => (over = true));
  return {
    lines,
    listens: () => listens,
    hasEnded: () => over,
    ended,
    stop: async () => {
      stopping.abort(new Error("The shell is closed."));
      await ended;
    },
  };
}

/** Starts it on one port, and waits until it greets there; `undefined` when the port is another's. */
async function attempt(run: RunCommand, order: SshdOrder, program: string, port: number) {
  const configFile = join(order.folder, "sshd_config");
  await writeFile(configFile, sshdConfig({ ...order.config, port }), { mode: 0o600 });
  const sshd = begin(run, order, argumentsOf(program, order.proc, configFile));
  const deadline = performance.now() + GREETING_LIMIT_MS;
  const host = order.config.host ?? LOOPBACK;
  while (!sshd.hasEnded() && performance.now() < deadline) {
    // Another server may greet at a port that this one could not take.
    if (sshd.listens() && (await greets(host, port)) && !sshd.hasEnded()) return sshd;
    await delay(PAUSE_MS);
  }
  await sshd.stop();
  if (sshd.lines.some((line) => line.includes("Address already in use"))) return undefined;
  const last = sshd.lines.at(-1) ?? (await sshd.ended);
  throw new DomainError("unavailable", `sshd did not greet at ${host}:${port}: ${last}`);
}

/** Ports to try: some free ones, or those of the range, from any of them on. */
async function* candidates({ config, ports }: SshdOrder): AsyncGenerator<number> {
  if (ports === undefined) {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) yield await freeShellPort(config.host ?? EVERYWHERE);
    return;
  }
  const count = ports.last - ports.first + 1;
  const start = Math.floor(Math.random() * count);
  for (let n = 0; n < count; n += 1) yield ports.first + ((start + n) % count);
}

/** Starts sshd on a port that is free. @throws `not-found` when there is no sshd, `unavailable` when it does not run. */
export async function startSshd(run: RunCommand, order: SshdOrder, signal: AbortSignal): Promise<Sshd> {
  const program = await findSshd();
  if (program === undefined) throw new DomainError("not-found", "sshd is missing.");
  await mkdir(EMPTY_FOLDER, { recursive: true, mode: 0o755 });
  for await (const port of candidates(order)) {
    signal.throwIfAborted();
    const sshd = await attempt(run, order, program, port);
    if (sshd !== undefined) return { port, ended: sshd.ended, stop: () => sshd.stop() };
  }
  throw new DomainError(
    "unavailable",
    `No port that sshd may take is free on ${order.config.host ?? "this machine"}.`,
  );
}
