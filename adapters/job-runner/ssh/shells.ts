import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { DomainError } from "../../../core/errors.ts";
import type { ShellAddress } from "../../../core/ports/job-runner.ts";
import { asDomainError, codeOf } from "../../process/errors.ts";
import type { SshRunnerConfig } from "./config.ts";
import type { ShellNote } from "./listing.ts";

/** Leads to a port on the node of a job. */
export type Reach = (nodePort: number) => Promise<Duplex>;

/** Ports of this machine that lead to shells on nodes. */
export interface PassedShells {
  /** Opens one for a job, the same when it is open already. @throws `unavailable` when no port is free */
  open(jobId: string, nodePort: number, reach: Reach): Promise<ShellAddress>;
  /** Opens the one that users were told of, as after a restart; does nothing when another process has it. */
  reopen(jobId: string, note: ShellNote, reach: Reach): Promise<void>;
  close(jobId: string): void;
  closeAll(): void;
}

interface Passage {
  readonly server: Server;
  readonly address: ShellAddress;
  readonly sockets: Set<Socket>;
  nodePort: number;
  reach: Reach;
}

type Ports = { readonly first: number; readonly last: number };
const ANY: Ports = { first: 0, last: 0 };

export function createPassedShells(
  shells: Extract<SshRunnerConfig["shells"], { via: "service" }>,
): PassedShells {
  const passages = new Map<string, Passage>();
  const opening = new Map<string, Promise<Passage>>();

  async function listen(jobId: string, ports: Ports, nodePort: number, reach: Reach): Promise<Passage> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      const passage = passages.get(jobId);
      if (passage === undefined) socket.destroy();
      else void pass(socket, passage);
    });
    const port = await firstFree(server, shells.host, ports);
    server.unref();
    const passage: Passage = { server, address: { host: shells.host, port }, sockets, nodePort, reach };
    passages.set(jobId, passage);
    return passage;
  }

  /** One that is being opened is opened once. */
  async function opened(jobId: string, ports: Ports, nodePort: number, reach: Reach): Promise<Passage> {
    const known = passages.get(jobId) ?? (await opening.get(jobId));
    if (known !== undefined) return Object.assign(known, { nodePort, reach });
    const begun = listen(jobId, ports, nodePort, reach).finally(() => opening.delete(jobId));
    opening.set(jobId, begun);
    return await begun;
  }

  return {
    open: async (jobId, nodePort, reach) =>
      (await opened(jobId, shells.ports ?? ANY, nodePort, reach)).address,
    reopen: async (jobId, { host, port, nodePort }, reach) => {
      if (host !== shells.host) return;
      try {
        await opened(jobId, { first: port, last: port }, nodePort, reach);
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
      }
    },
    close: (jobId) => end(passages, jobId),
    closeAll: () => {
      for (const jobId of passages.keys()) end(passages, jobId);
    },
  };
}

function end(passages: Map<string, Passage>, jobId: string): void {
  const passage = passages.get(jobId);
  passages.delete(jobId);
  passage?.server.close();
  for (const socket of passage?.sockets ?? []) socket.destroy();
}

async function pass(socket: Socket, { nodePort, reach }: Passage): Promise<void> {
  socket.on("error", () => socket.destroy());
  try {
    const stream = await reach(nodePort);
    stream.on("error", () => socket.destroy());
    // What came last is still to be handed over.
    stream.on("close", () => socket.end());
    socket.on("close", () => stream.destroy());
    socket.pipe(stream).pipe(socket);
  } catch {
    // Its client sees the connection end, and may come again when the node is back.
    socket.destroy();
  }
}

async function firstFree(server: Server, host: string, { first, last }: Ports): Promise<number> {
  for (let port = first; port <= last; port += 1) {
    const got = await listenOn(server, host, port);
    if (got !== undefined) return got;
  }
  throw new DomainError("unavailable", `No port of ${host} is free for a shell (IMS_SHELL_PORTS).`);
}

/** `undefined` when somebody has that port. */
async function listenOn(server: Server, host: string, port: number): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const failed = (error: Error) =>
    codeOf(error) === "EADDRINUSE" || codeOf(error) === "EACCES"
      ? resolve(undefined)
      : reject(asDomainError(error, `No shell can be offered on ${host}.`));
  server.once("error", failed);
  server.listen({ host, port }, () => {
    server.off("error", failed);
    const address = server.address();
    resolve(typeof address === "object" && address !== null ? address.port : port);
  });
  return await promise;
}
