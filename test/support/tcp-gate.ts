import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** A way to a server that can be cut, for all connections at once, and mended. Lasts until the test ends. */
export async function tcpGate(target: string) {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  let isCut = false;
  let bytes = 0;
  const server = createServer((near) => {
    if (isCut) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    near.on("data", (chunk) => (bytes += chunk.length));
    near.pipe(far).pipe(near);
  });
  const cut = (): void => {
    isCut = true;
    for (const socket of open) socket.resetAndDestroy();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    cut();
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The gate has no port.");
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    mend: (): void => {
      isCut = false;
    },
    /** That have gone to the server so far. */
    bytes: () => bytes,
  };
}
