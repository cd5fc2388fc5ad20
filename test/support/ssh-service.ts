import { join } from "node:path";
import type { BuildNode } from "../../infra/build-node/build-node.ts";
import { type QuickAgent, quickAgent } from "../../infra/build-node/quick-agent.ts";
import { post } from "./road.ts";
import { type ServiceProcess, startService } from "./service-process.ts";

const STAND_INS = join(import.meta.dirname, "../fixtures/stand-ins");

/** Made once for a file of tests. */
export const standInAgent = (): Promise<QuickAgent> =>
  quickAgent(["kiwi-ng", "mksquashfs", "packer"].map((name) => join(STAND_INS, name)));

/** The real service with jobs on these nodes, which are registered by their addresses. */
export async function serviceOn(
  nodes: readonly BuildNode[],
  agent: Record<string, string>,
  env: Record<string, string> = {},
): Promise<ServiceProcess> {
  const service = await startService({
    IMS_JOBS: "ssh",
    DEFAULT_IMS_IMAGE_SIZE: "1",
    DEFAULT_IMS_JOB_MEM_SIZE: "1",
    IMS_SSH_KEY_FILE: nodes[0]?.keyFile ?? "",
    ...agent,
    ...env,
  });
  for (const node of nodes) await post(service, "/v3/remote-build-nodes", { xname: node.address });
  return service;
}
