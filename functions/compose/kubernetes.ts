import { readFile } from "node:fs/promises";
import { openApiServer } from "../../adapters/job-runner/kubernetes/api/kubeconfig.ts";
import type { KubernetesRunnerConfig } from "../../adapters/job-runner/kubernetes/config.ts";
import {
  NO_PATCHES,
  type Patches,
  readPatches,
} from "../../adapters/job-runner/kubernetes/patches/patches.ts";
import { type Lack, preflight, sampleManifests } from "../../adapters/job-runner/kubernetes/preflight.ts";
import {
  createKubernetesRunner,
  type KubernetesRunner,
} from "../../adapters/job-runner/kubernetes/runner.ts";
import { tryJob } from "../../adapters/job-runner/kubernetes/try-job.ts";
import { DomainError } from "../../core/errors.ts";
import type { Config } from "../config.ts";

/** A Job that nobody looks after is removed by Kubernetes a day after its end. */
const TTL_SECONDS = 86_400;
/** Beyond the time that all phases may take together: the service ends jobs itself, and says why. */
const DEADLINE_MARGIN_SECONDS = 3600;

export interface KubernetesSurroundings {
  readonly serviceUrl: () => string;
  readonly onTrouble: (why: string) => void;
  /** Told what the cluster lacks, once that is known. */
  readonly onLack: (lack: Lack) => void;
}

/** Jobs as pods. What the cluster lacks is told and not waited for: it may come, and the rest of the service works. */
export async function openKubernetesRunner(
  config: Config,
  { onLack, onTrouble, serviceUrl }: KubernetesSurroundings,
): Promise<KubernetesRunner> {
  const [server, runnerConfig] = [
    await openApiServer(config.kubernetes.kubeconfig),
    await runnerConfigOf(config, serviceUrl),
  ];
  void preflight(server, runnerConfig).then(
    (lacks) => lacks.forEach(onLack),
    (error: unknown) => onTrouble(String(error)),
  );
  return createKubernetesRunner({ server, config: runnerConfig, view: "watch", onTrouble });
}

/** What the cluster lacks for the jobs of this configuration; `trial`: a pod with the agent's image is really started. */
export async function kubernetesLacks(
  config: Config,
  { trial }: { readonly trial: boolean },
): Promise<readonly Lack[]> {
  const server = await openApiServer(config.kubernetes.kubeconfig);
  const runnerConfig = await runnerConfigOf(config, () => config.agentUrl ?? "");
  const lacks = await preflight(server, runnerConfig);
  return lacks.length > 0 || !trial ? lacks : await tryJob(server, runnerConfig);
}

/** @throws `invalid` when the patches cannot be read, or not be applied */
async function runnerConfigOf(config: Config, serviceUrl: () => string): Promise<KubernetesRunnerConfig> {
  const { agentEnv, kubernetes, settings } = config;
  const { kubeconfig: _, patches, serviceAccount, signingKeys, ...rest } = kubernetes;
  const { IMS_AGENT_PATIENCE: patience } = agentEnv;
  const phases = Object.values(settings.jobs.phaseSeconds).reduce((sum, seconds) => sum + seconds, 0);
  const runnerConfig = {
    ...rest,
    serviceUrl,
    // Programs are where the agent's image has them, whatever this machine has.
    agentEnv: patience === undefined ? {} : { IMS_AGENT_PATIENCE: patience },
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    ...(signingKeys === undefined ? {} : { signingKeys }),
    deadlineSeconds: phases + kubernetes.startSeconds + DEADLINE_MARGIN_SECONDS,
    ttlSeconds: TTL_SECONDS,
    patches: patches === undefined ? NO_PATCHES : await patchesFrom(patches),
  };
  sampleManifests(runnerConfig);
  return runnerConfig;
}

async function patchesFrom(file: string): Promise<Patches> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DomainError("invalid", `The file of IMS_KUBERNETES_PATCHES cannot be read: ${file}.`, {
      cause,
    });
  });
  return readPatches(text);
}
