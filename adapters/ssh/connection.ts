import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import ssh2 from "ssh2";
import type { CipherAlgorithm, Client, ClientChannel } from "ssh2";
import { DomainError } from "../../core/errors.ts";
import { signaturesOf } from "./host-key.ts";
import { quoted, type RemoteArgv } from "./quote.ts";

/** Where a node's sshd answers, and who logs in. */
export interface SshTarget {
  /** For messages. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Kept from an earlier meeting; absent: the first. */
  readonly hostKey?: string | undefined;
  readonly privateKey: Buffer;
  readonly timing?: SshTiming | undefined;
}

/** In milliseconds: how long connecting, and then logging in, may take; how often a silent line is asked for a word. */
export interface SshTiming {
  readonly handshakeMs: number;
  readonly keepaliveMs: number;
}

export interface RemoteCommand {
  readonly argv: RemoteArgv;
  /** Given to standard input, which then ends; nothing when absent. */
  readonly input?: string | Readable;
  /** Milliseconds that it may take. */
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

export interface RemoteResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A login on a node. Errors: `unavailable`, naming the node and what was tried. */
export interface SshConnection {
  /** Runs a program there. One that is out of time is left alone: what it does must bear to be done again. */
  run(command: RemoteCommand): Promise<RemoteResult>;
  /** A connection to a port of the node's loopback. */
  reach(port: number): Promise<Duplex>;
  /** Has the node listen on a socket file; each connection to it arrives here. The file must not exist. */
  listenAt(path: string, onConnection: (stream: Duplex) => void): Promise<void>;
  isOpen(): boolean;
  /** Resolves with the reason once it is over. */
  readonly closed: Promise<string>;
  close(): void;
}

/** sshd takes ten sessions on a connection by default. */
const MOST_SESSIONS = 8;
/** Silence on the line of four times `keepaliveMs`, about 20 s, ends the connection. */
const TIMING: SshTiming = { handshakeMs: 10_000, keepaliveMs: 5000 };
const KEEPALIVES_MISSED = 3;
/** As a shell says it of a program that a signal ended. */
const KILLED = 255;
const LONGEST_OUTPUT = 8 * 1024 * 1024;
/** Those that Node's OpenSSL does fast, first. */
const CIPHERS: CipherAlgorithm[] = [
  "aes128-gcm@openssh.com",
  "aes256-gcm@openssh.com",
  "aes128-ctr",
  "aes256-ctr",
  "chacha20-poly1305@openssh.com",
];

/**
 * Logs in. `onHostKey` sees the key that the node shows before anything else happens, and rejects to refuse it.
 * @throws `unavailable`, or what `onHostKey` rejects with
 */
export async function connectSsh(
  target: SshTarget,
  onHostKey: (key: Buffer) => Promise<void>,
): Promise<SshConnection> {
  const client = new ssh2.Client();
  const socket = connectSocket({ host: target.host, port: target.port, noDelay: true });
  const { handshakeMs, keepaliveMs } = target.timing ?? TIMING;
  let refusal: unknown;
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(handshakeMs) });
    const ready = once(client, "ready", { signal: AbortSignal.timeout(handshakeMs) });
    ready.catch(() => undefined);
    client.connect({
      sock: socket,
      username: target.user,
      privateKey: target.privateKey,
      readyTimeout: handshakeMs,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: KEEPALIVES_MISSED,
      algorithms: { cipher: CIPHERS, serverHostKey: signaturesOf(target.hostKey) },
      hostVerifier: (key: Buffer, verify: (valid: boolean) => void) => {
        onHostKey(key).then(
          () => verify(true),
          (error: unknown) => {
            refusal = error;
            verify(false);
          },
        );
      },
    });
    await ready;
  } catch (error) {
    // What comes after must not end the process.
    client.on("error", () => undefined);
    client.end();
    socket.destroy();
    throw refusal ?? unreachable(target, error);
  }
  return createConnection(target.node, client, socket);
}

function unreachable({ node, host, port }: SshTarget, error: unknown): DomainError {
  return new DomainError(
    "unavailable",
    `Node ${node} (${host}:${port}) cannot be reached: ${wordsOf(error)}.`,
    {
      cause: error,
    },
  );
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown reason";
  if (error.name === "AbortError" || error.message.startsWith("Timed out while waiting"))
    return "no answer in time";
  if (/authentication methods failed/iu.test(error.message)) return "it refuses the key of IMS_SSH_KEY_FILE";
  if (error instanceof AggregateError && error.errors.length > 0) return wordsOf(error.errors[0]);
  return error.message.replace(/\.$/u, "");
}

function createConnection(node: string, client: Client, socket: Socket): SshConnection {
  const sessions = createTurns(MOST_SESSIONS);
  const listeners = new Map<string, (stream: Duplex) => void>();
  let open = true;
  let reason = "the connection was closed";
  const { promise: closed, resolve } = Promise.withResolvers<string>();
  client.on("error", (error) => (reason = error.message));
  client.on("close", () => {
    open = false;
    resolve(reason);
  });
  client.on("unix connection", ({ socketPath }, accept, reject) => {
    const listener = listeners.get(socketPath);
    if (listener === undefined) reject();
    else listener(accept());
  });
  const lost = closed.then((why): never => {
    throw new DomainError("unavailable", `The connection to node ${node} broke: ${why}.`);
  });
  lost.catch(() => undefined);

  return {
    run: (command) => sessions.during(() => runOn(node, client, command, lost)),
    reach: (port) =>
      asked(node, `reaching its port ${port}`, lost, (done) =>
        client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, done),
      ),
    listenAt: async (path, onConnection) => {
      listeners.set(path, onConnection);
      await asked(node, "forwarding a socket (AllowStreamLocalForwarding)", lost, (done) =>
        client.openssh_forwardInStreamLocal(path, (error) => done(error ?? undefined, undefined)),
      );
    },
    isOpen: () => open,
    closed,
    close: () => {
      client.end();
      socket.destroy();
    },
  };
}

const ASKING_MS = 10_000;

/** One of the questions to sshd that are answered by a callback. */
async function asked<T>(
  node: string,
  what: string,
  lost: Promise<never>,
  ask: (done: (error: Error | undefined, answer: T) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${ASKING_MS / 1000} s`)), ASKING_MS);
  try {
    ask((error, answer) => (error instanceof Error ? reject(error) : resolve(answer)));
    return await Promise.race([promise, lost]);
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw new DomainError("unavailable", `On node ${node}, ${what} failed: ${wordsOf(error)}.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function runOn(
  node: string,
  client: Client,
  { argv, input, limitMs, signal }: RemoteCommand,
  lost: Promise<never>,
): Promise<RemoteResult> {
  signal?.throwIfAborted();
  const line = quoted(argv);
  const channel = await asked<ClientChannel>(node, `starting ${argv[0]}`, lost, (done) =>
    client.exec(line, done),
  );
  const late = AbortSignal.timeout(limitMs);
  const enough = signal === undefined ? late : AbortSignal.any([signal, late]);
  const result = resultOf(channel);
  result.catch(() => undefined);
  const ended = Promise.race([result, rejectedBy(enough), lost]);
  ended.catch(() => undefined);
  try {
    if (typeof input === "object") await Promise.race([pipeline(input, channel), ended]);
    else channel.end(input ?? "");
    return await ended;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DomainError) throw error;
    const why = late.aborted
      ? `took longer than ${limitMs / 1000} s to answer`
      : `broke off: ${wordsOf(error)}`;
    throw new DomainError("unavailable", `Node ${node} ${why}.`, { cause: error });
  } finally {
    channel.destroy();
  }
}

async function rejectedBy(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await promise;
}

async function resultOf(channel: ClientChannel): Promise<RemoteResult> {
  const [out, err] = [collect(channel), collect(channel.stderr)];
  let exitCode: number | undefined;
  channel.on("exit", (code: number | null) => (exitCode = code ?? KILLED));
  channel.on("error", () => undefined);
  await once(channel, "close");
  if (exitCode === undefined) throw new Error("the session ended without a word");
  return { exitCode, stdout: out(), stderr: err() };
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= LONGEST_OUTPUT) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Lets so many at once; the others wait in line. */
function createTurns(most: number) {
  const waiting: (() => void)[] = [];
  let busy = 0;
  return {
    during: async <T>(work: () => Promise<T>): Promise<T> => {
      if (busy >= most) await new Promise<void>((go) => waiting.push(go));
      else busy += 1;
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) busy -= 1;
        else next();
      }
    },
  };
}
