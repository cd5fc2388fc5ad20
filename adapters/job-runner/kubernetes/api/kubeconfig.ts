import { request as requestOverHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent, type AgentOptions, request as requestOverHttps, type RequestOptions } from "node:https";
import path from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { DomainError } from "../../../../core/errors.ts";
import type { ApiAnswer, ApiRequest, ApiServer } from "./api-server.ts";

/** Enough for a burst of launches; more would wait in the server as well. */
const MOST_CONNECTIONS = 40;
/** Certificates of a kubeconfig's files change now and then. */
const CONNECTIONS_MILLISECONDS = 600_000;

/**
 * The cluster that `kubeconfig` names (one file or several, as in KUBECONFIG); absent: the pod's own cluster, or the
 * user's usual file. The client's library knows how to find out who asks; it does not send the requests, because its
 * connections are made anew for each, and when one of them is idle for long its error ends the process.
 * @throws `unavailable` when there is no such file or it names no cluster
 */
export async function openApiServer(kubeconfig: string | undefined): Promise<ApiServer> {
  // 90 MB of memory and most of a second: only who uses it pays for it.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  load(config, kubeconfig, () => new KubeConfig());
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new DomainError("unavailable", "The kubeconfig names no current cluster. Set KUBECONFIG.");
  const server = cluster.server.replace(/\/$/u, "");
  const connections = keptConnections(cluster.proxyUrl !== undefined);
  return {
    async send(request) {
      const identity: RequestOptions = {};
      await config.applyToHTTPSOptions(identity);
      const { auth } = identity;
      return await exchange(urlOf(server, request), request, {
        agent: connections(identity),
        ...(auth === undefined ? {} : { auth }),
        ...(identity.headers === undefined ? {} : { headers: identity.headers }),
      });
    },
  };
}

function load(config: KubeConfig, kubeconfig: string | undefined, another: () => KubeConfig): void {
  try {
    const [first, ...others] = (kubeconfig ?? "").split(path.delimiter).filter((file) => file !== "");
    if (first === undefined) return config.loadFromDefault();
    config.loadFromFile(first);
    for (const file of others) {
      const more = another();
      more.loadFromFile(file);
      config.mergeConfig(more, true);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DomainError("unavailable", `The kubeconfig cannot be read: ${why}`, { cause });
  }
}

type Connections = RequestOptions["agent"];

/** The same connections for all requests of some minutes. A proxy has its own way to make them. */
function keptConnections(proxied: boolean): (identity: RequestOptions) => Connections {
  let kept: { readonly agent: Agent; readonly since: number } | undefined;
  return (identity) => {
    if (proxied || !(identity.agent instanceof Agent)) return identity.agent;
    if (kept === undefined || performance.now() - kept.since > CONNECTIONS_MILLISECONDS)
      kept = {
        agent: new Agent({ ...tlsOf(identity), keepAlive: true, maxSockets: MOST_CONNECTIONS }),
        since: performance.now(),
      };
    return kept.agent;
  };
}

function tlsOf({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): AgentOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function urlOf(server: string, { path, query = {} }: ApiRequest): URL {
  const parameters = new URLSearchParams(query).toString();
  return new URL(parameters === "" ? `${server}${path}` : `${server}${path}?${parameters}`);
}

function exchange(
  url: URL,
  { accept = "application/json", body, contentType = "application/json", method, signal }: ApiRequest,
  options: RequestOptions,
): Promise<ApiAnswer> {
  const begin = url.protocol === "http:" ? requestOverHttp : requestOverHttps;
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const request = begin(url, { ...options, method, signal }, (response) => resolve(answerOf(response)));
    request.on("error", reject);
    request.setHeader("Accept", accept);
    // Node gives no length to the body of a DELETE by itself.
    if (bytes !== undefined)
      request.setHeader("Content-Type", contentType).setHeader("Content-Length", bytes.length);
    request.end(bytes);
  });
}

function answerOf(response: IncomingMessage): ApiAnswer {
  return {
    status: response.statusCode ?? 0,
    async text() {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString("utf8");
    },
    async *chunks() {
      for await (const chunk of response) yield Buffer.from(chunk);
    },
  };
}
