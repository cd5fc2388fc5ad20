import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SshRunnerConfig, TunnelTargets } from "../../adapters/job-runner/ssh/config.ts";
import type { SshNode } from "../../adapters/ssh/connections.ts";
import { createNodeDirectory } from "../../core/nodes/node-directory.ts";
import type { RemoteBuildNode } from "../../core/nodes/node.ts";
import type { Records } from "../../core/ports/records.ts";
import type { Signer } from "../../core/ports/signer.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import type { Config } from "../config.ts";
import type { SshConfig } from "../config/ssh.ts";

export interface SshSurroundings {
  readonly records: Records;
  readonly signer: Signer;
  readonly telemetry: Telemetry;
  readonly serviceUrl: () => string;
}

const OWNER_LENGTH = 16;

/** Jobs as containers on remote build nodes. */
export function sshRunnerConfig(
  config: Config,
  ssh: SshConfig,
  surroundings: SshSurroundings,
): SshRunnerConfig {
  const { records, signer, telemetry, serviceUrl } = surroundings;
  const { settings, artifacts } = config;
  const directory = createNodeDirectory(records);
  const complete = (node: RemoteBuildNode): SshNode => ({
    xname: node.xname,
    host: node.host ?? node.xname,
    port: node.port ?? ssh.port,
    user: node.user ?? ssh.user,
    hostKey: node.host_key,
  });
  return {
    nodes: {
      find: async (xname) => {
        const node = await directory.find(xname);
        return node === undefined ? undefined : complete(node);
      },
      list: async () => (await directory.list()).map(complete),
      pin: (xname, hostKey) => directory.pin(xname, hostKey),
    },
    keyFile: ssh.keyFile,
    folder: ssh.folder,
    // All processes on one store have the same secret, and so the same name on the nodes.
    owner: signer
      .sign("ssh-runner owner")
      .replaceAll(/[^A-Za-z0-9]/gu, "")
      .slice(0, OWNER_LENGTH),
    imageFile: agentImageFile(ssh),
    cache: path.join(config.data, "node-images"),
    agentEnv: patience(config),
    ...(ssh.tunnel ? { tunnel: { serviceUrl, stores: storesOf(config) } } : {}),
    serviceUrl,
    authorityFile: artifacts.kind === "s3" ? artifacts.aws.caFile : undefined,
    shells: ssh.shells === "node" ? { via: "node" } : { via: "service", ...settings.jobs.shell },
    patienceMs: ssh.lostSeconds * 1000,
    imageDays: ssh.imageDays,
    podmanOptions: ssh.podmanOptions,
    onTrouble: (node, reason) => telemetry.emit({ event: "node-trouble", level: "warn", node, reason }),
  };
}

/** Of the agents' settings, that which does not name a program of this machine. */
function patience({ agentEnv }: Config): Record<string, string> {
  const seconds = agentEnv["IMS_AGENT_PATIENCE"];
  return seconds === undefined ? {} : { IMS_AGENT_PATIENCE: seconds };
}

/** Where signed URLs lead to, beside the service. AWS has a host for each bucket. */
function storesOf({ artifacts }: Config): TunnelTargets["stores"] {
  if (artifacts.kind !== "s3") return [];
  const { endpoint, region } = artifacts.aws;
  if (endpoint === undefined) {
    const host = `s3.${region}.amazonaws.com`;
    return [host, `*.${host}`].map((name) => ({ host: name, port: 443 }));
  }
  const { hostname, port, protocol } = new URL(endpoint);
  return [{ host: hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) }];
}

/** By default where `infra/containers/build.ts agent` puts it; beside a bundle in its folder. */
export function agentImageFile(ssh: SshConfig | undefined): string {
  if (ssh?.imageFile !== undefined) return ssh.imageFile;
  const { url } = import.meta;
  return fileURLToPath(
    new URL(url.endsWith(".ts") ? "../../dist/containers/agent.tar" : "containers/agent.tar", url),
  );
}
