import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** A server on the loopback address until the test ends; answers its URL without a slash at the end. */
export async function httpServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return `http://127.0.0.1:${address.port}`;
}
