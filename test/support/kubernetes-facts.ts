import type { ManifestConfig } from "../../adapters/job-runner/kubernetes/config.ts";
import type { JobFacts } from "../../adapters/job-runner/kubernetes/manifests/facts.ts";
import type { JobWork } from "../../core/ports/job-runner.ts";
import { jobWork } from "./job-work.ts";

const JOB = "0c2ab1a5-0f3c-4a68-9d0e-2b0a3b3f6d11";

export const manifestConfig = (more: Partial<ManifestConfig> = {}): ManifestConfig => ({
  namespace: "ims",
  instance: "ims",
  image: "localhost/ims-agent:1",
  serviceUrl: () => "http://ims.services:9101",
  agentEnv: { NODE_EXTRA_CA_CERTS: "/ca.pem" },
  runtimeClasses: {},
  cpu: "500m",
  volume: { kind: "claim" },
  shell: { type: "ClusterIP", annotations: {}, domain: "cmn.shasta.local" },
  istio: false,
  deadlineSeconds: 700_000,
  ttlSeconds: 86_400,
  patches: {},
  ...more,
});

export const jobFacts = (more: Partial<JobWork> = {}): JobFacts => {
  const work = jobWork(JOB, more);
  const limits = { memoryBytes: work.memoryBytes, diskBytes: work.diskBytes };
  return { jobId: JOB, attempt: 1, limits, work };
};

export const OWNER = { name: `cray-ims-${JOB}-create`, uid: "9b0c5b0e-2d9c-4d3b-8d2d-3d8a7a4f5a10" };
export const JOB_ID = JOB;
