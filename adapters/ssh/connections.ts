import { setTimeout as delay } from "node:timers/promises";
import { DomainError, isDomainError } from "../../core/errors.ts";
import { connectSsh, type SshConnection, type SshTiming } from "./connection.ts";
import { expectPinned, keyLine } from "./host-key.ts";
import { readPrivateKey } from "./private-key.ts";

/** A node of the registry, with all defaults filled in. */
export interface SshNode {
  readonly xname: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA...` or `SHA256:...`; absent: trusted at the first meeting, and kept. */
  readonly hostKey?: string | undefined;
}

/** The registered nodes. */
export interface NodeDirectory {
  /** `undefined`: no longer registered. */
  find(xname: string): Promise<SshNode | undefined>;
  list(): Promise<readonly SshNode[]>;
  /**
   * Keeps the key that a node without one has shown, and answers the key that is kept: another process may have been
   * faster.
   */
  pin(xname: string, hostKey: string): Promise<string>;
}

export interface SshConnectionsConfig {
  readonly keyFile: string;
  readonly nodes: Pick<NodeDirectory, "pin">;
  /** Done on each new connection before anybody uses it. */
  readonly prepare: (node: SshNode, connection: SshConnection) => Promise<void>;
  readonly timing?: SshTiming | undefined;
  readonly random?: () => number;
}

/** One connection to each node, opened when it is needed and again after a break. */
export interface SshConnections {
  /**
   * @throws `unavailable` when the node cannot be reached, at once while the pause after a failure lasts; a node that is
   * dead makes nobody wait twice
   */
  to(node: SshNode): Promise<SshConnection>;
  /** Since when a node has been out of reach, in milliseconds of `performance.now`; `undefined` when it is not. */
  lostSince(xname: string): number | undefined;
  close(): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** One that was reached and broke is tried so often at once. */
const TRIES = 2;

interface Line {
  opening?: Promise<SshConnection> | undefined;
  connection?: SshConnection | undefined;
  /** What it was opened with: a node that is registered anew gets a new one. */
  address?: string;
  failures: number;
  /** No try before this moment. */
  notBefore: number;
  lostSince?: number | undefined;
  why?: unknown;
}

export function createSshConnections(config: SshConnectionsConfig): SshConnections {
  const lines = new Map<string, Line>();
  const random = config.random ?? Math.random;

  const open = createOpener(config);

  async function reopen(node: SshNode, line: Line): Promise<SshConnection> {
    try {
      const connection = await open(node);
      Object.assign(line, { connection, failures: 0, notBefore: 0, lostSince: undefined, why: undefined });
      void connection.closed.then(() => (line.lostSince ??= performance.now()));
      return connection;
    } catch (error) {
      line.failures += 1;
      line.why = error;
      line.lostSince ??= performance.now();
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(line.failures, 10));
      line.notBefore = performance.now() + pause * (0.5 + random() / 2);
      throw error;
    } finally {
      line.opening = undefined;
    }
  }

  function lineTo(node: SshNode): Line {
    const address = JSON.stringify(node);
    const known = lines.get(node.xname);
    if (known?.address === address) return known;
    // The key that was trusted at the first meeting is in the record now: that is no change.
    if (known?.address === JSON.stringify({ ...node, hostKey: undefined })) {
      known.address = address;
      return known;
    }
    known?.connection?.close();
    const line: Line = { address, failures: 0, notBefore: 0 };
    lines.set(node.xname, line);
    return line;
  }

  return {
    to: async (node) => {
      const line = lineTo(node);
      if (line.connection?.isOpen() === true) return line.connection;
      if (line.opening !== undefined) return await line.opening;
      if (performance.now() < line.notBefore) throw again(node.xname, line.why);
      line.opening = reopen(node, line);
      return await line.opening;
    },
    lostSince: (xname) => lines.get(xname)?.lostSince,
    close: () => {
      for (const { connection } of lines.values()) connection?.close();
      lines.clear();
    },
  };
}

/** Opens a connection and makes it ready; one that breaks meanwhile is tried once more. */
function createOpener(config: SshConnectionsConfig): (node: SshNode) => Promise<SshConnection> {
  async function open(node: SshNode): Promise<SshConnection> {
    const privateKey = await readPrivateKey(config.keyFile);
    const { xname, hostKey } = node;
    const connection = await connectSsh(
      { ...node, node: xname, privateKey, timing: config.timing },
      async (shown) => {
        expectPinned(xname, hostKey ?? (await config.nodes.pin(xname, keyLine(shown))), shown);
      },
    );
    try {
      await config.prepare(node, connection);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  return async (node) => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await open(node);
      } catch (error) {
        if (
          tries === TRIES ||
          !isDomainError(error, "unavailable") ||
          !/\b(?:ECONNRESET|broke)\b/u.test(error.message)
        )
          throw error;
        await delay(FIRST_PAUSE_MS * (0.5 + (config.random ?? Math.random)()));
      }
    }
  };
}

/** The same words once more: an error that is thrown twice has a stack that misleads. */
function again(xname: string, why: unknown): DomainError {
  const message = isDomainError(why) ? why.message : `Node ${xname} cannot be reached.`;
  return new DomainError("unavailable", message, { cause: why });
}
