import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { AgentPresence } from "../../../core/ports/job-runner.ts";
import type { ApiServer } from "./api/api-server.ts";
import type { KubernetesRunnerConfig } from "./config.ts";
import { type Lack, sampleOrder } from "./preflight.ts";
import { createKubernetesRunner } from "./runner.ts";

const PAUSE_MILLISECONDS = 500;
/** An image of 400 MB has to be fetched at first. */
const START_SECONDS = 300;

/**
 * Starts the agent's image as jobs do, has it print Node's version, and removes everything again: what no dry run finds,
 * such as an image that cannot be fetched, a volume that nobody makes, or nodes without room.
 */
export async function tryJob(server: ApiServer, config: KubernetesRunnerConfig): Promise<readonly Lack[]> {
  const startSeconds = Math.min(config.startSeconds, START_SECONDS);
  const trial = { ...config, command: ["node", "--version"], startSeconds };
  const runner = createKubernetesRunner({ server, config: trial, view: "poll" });
  const jobId = randomUUID();
  try {
    await runner.launch(
      sampleOrder(config.namespace, jobId, {
        type: "customize",
        arch: nativeArch(),
        dkms: false,
        shell: true,
      }),
    );
    for (;;) {
      const presence = await runner.inspect({ jobId });
      if (presence.state === "absent") return outcome(presence, config);
      await delay(PAUSE_MILLISECONDS);
    }
  } finally {
    await runner.stop({ jobId });
    runner.close();
  }
}

const nativeArch = () => (process.arch === "arm64" ? "aarch64" : "x86_64");

function outcome(
  { cause, reason = "" }: Extract<AgentPresence, { state: "absent" }>,
  { image }: KubernetesRunnerConfig,
): readonly Lack[] {
  if (cause === undefined && reason === "exit code 0") return [];
  const hints: Readonly<Record<string, string>> = {
    "image-pull-failed": `Build the agent's image, make it known to the nodes, and set IMS_AGENT_IMAGE (now ${image}).`,
    unschedulable: "Add nodes, or have jobs ask for less (job_mem_size, IMS_KUBERNETES_CPU).",
    "volume-pending": "See what keeps the claim (kubectl describe pvc), or choose another storage class.",
  };
  const hint = hints[cause ?? ""] ?? `Is ${image} the agent's image? See what its pod says.`;
  return [{ what: `A job with the agent's image does not run. ${reason}`.trim(), hint }];
}
