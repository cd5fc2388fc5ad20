import { randomUUID } from "node:crypto";
import type { SshConnection } from "../../ssh/connection.ts";
import type { SshRunnerConfig } from "./config.ts";
import { work } from "./remote.ts";
import { OPEN_TUNNEL, shell, TAKE_TUNNEL } from "./scripts.ts";
import { createTunnelServer } from "./tunnel-server.ts";

/** By which agents on nodes reach the service and the store when nothing else leads there. */
export interface Tunnel {
  /** Names this process on nodes. Empty: there is no tunnel. */
  readonly holder: string;
  /** Has a node listen for its agents, and makes this process the one that they find. */
  open(node: string, connection: SshConnection): Promise<void>;
  /** Makes this process the one again. */
  take(node: string, connection: SshConnection): Promise<void>;
  close(): void;
}

const LIMIT_MS = 15_000;

export const NO_TUNNEL: Tunnel = {
  holder: "",
  open: async () => undefined,
  take: async () => undefined,
  close: () => undefined,
};

/**
 * A socket file on the node, which sshd passes on. A file, not a port: what a broken line leaves behind on the node keeps
 * a port for hours, and only root (or the user of the nodes) may open the file.
 */
export function createTunnel(config: Pick<SshRunnerConfig, "folder" | "owner" | "tunnel">): Tunnel {
  const { folder, owner } = config;
  if (config.tunnel === undefined) return NO_TUNNEL;
  const server = createTunnelServer(config.tunnel);
  const holder = randomUUID();
  const take = async (node: string, connection: SshConnection): Promise<void> => {
    await work(node, connection, { argv: shell(TAKE_TUNNEL, folder, owner, holder), limitMs: LIMIT_MS });
  };
  return {
    holder,
    open: async (node, connection) => {
      await work(node, connection, { argv: shell(OPEN_TUNNEL, folder, owner, holder), limitMs: LIMIT_MS });
      await connection.listenAt(`${folder}/${owner}/tunnel/${holder}.sock`, (stream) => server.take(stream));
      await take(node, connection);
    },
    take,
    close: () => server.close(),
  };
}
