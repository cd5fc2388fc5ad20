import { once } from "node:events";
import { connect } from "node:net";
import { DomainError } from "../../core/errors.ts";
import { codeOf } from "../process/errors.ts";
import { freePort } from "../process/free-port.ts";

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

/** A port that sshd could take. @throws `unavailable` when the host is not this machine's */
export async function freeShellPort(host: string): Promise<number> {
  return await freePort(host).catch((error: unknown) => {
    if (codeOf(error) === undefined) throw error;
    throw new DomainError("unavailable", `sshd cannot listen on ${host} (${codeOf(error)}).`, {
      cause: error,
    });
  });
}
