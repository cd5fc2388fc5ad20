import http from "node:http";
import https from "node:https";
import { connect, createServer, type AddressInfo } from "node:net";

/** The agent's end of a tunnel. */
export interface AgentEnd {
  /** Where the service answers from now on. */
  readonly serviceUrl: string;
  close(): void;
}

/**
 * Leads this process's way to the service and to signed URLs through a socket file, behind which a proxy of the service
 * listens: `serviceUrl` for `fetch`, and what `node:http` and `node:https` ask for by themselves. What else a job
 * fetches (`fetch` to repositories, its programs) goes by the machine's own network.
 *
 * The file may be replaced at any time: each connection opens it anew.
 */
export async function openAgentEnd(socketFile: string): Promise<AgentEnd> {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: socketFile, allowHalfOpen: true });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.end());
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  server.unref();
  const serviceUrl = `http://127.0.0.1:${portOf(server.address())}`;
  const before = { http: http.globalAgent, https: https.globalAgent };
  const proxyEnv = { HTTP_PROXY: serviceUrl, HTTPS_PROXY: serviceUrl };
  http.globalAgent = new http.Agent({ keepAlive: true, proxyEnv });
  https.globalAgent = new https.Agent({ keepAlive: true, proxyEnv });
  return {
    serviceUrl,
    close: () => {
      http.globalAgent = before.http;
      https.globalAgent = before.https;
      server.close();
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}
