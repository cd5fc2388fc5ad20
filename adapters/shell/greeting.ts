import { once } from "node:events";
import { connect, createServer } from "node:net";
import { DomainError } from "../../core/errors.ts";
import { codeOf } from "../process/errors.ts";

const GREETING_MS = 5000;

/** Whether an SSH server greets at that address. Never throws. */
export async function greets(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: GREETING_MS });
  try {
    const silent = once(socket, "timeout").then(() => undefined);
    const heard = once(socket, "data").then(([bytes]: unknown[]) => String(bytes));
    const words = await Promise.race([silent, heard, once(socket, "close").then(() => undefined)]);
    return words?.startsWith("SSH-2.0-") === true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port that is free right now; another program may be faster. @throws `unavailable` when the host is not this machine's. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  try {
    server.listen(0, host);
    await once(server, "listening");
    const address = server.address();
    if (address !== null && typeof address === "object") return address.port;
    throw new DomainError("unavailable", `There is no free port on ${host}.`);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    throw new DomainError("unavailable", `sshd cannot listen on ${host} (${codeOf(error)}).`, {
      cause: error,
    });
  } finally {
    server.close();
  }
}
