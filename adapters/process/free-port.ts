import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port that is free right now; another program may be faster.
 * @throws what the operating system says when the host is not this machine's
 */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address !== null && typeof address === "object") return address.port;
  throw new Error(`A server on ${host} has no port.`);
}
