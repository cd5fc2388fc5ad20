import { withinBuckets } from "./artifacts/allowed-buckets.ts";
import { createJournals } from "./artifacts/journals.ts";
import { sweepStaging } from "./artifacts/staging.ts";
import type { CorePorts } from "./core-ports.ts";
import { createDeletedRecords, type DeletedRecords } from "./deleted/deleted-records.ts";
import { createImageArtifacts, type ImageArtifacts } from "./images/image-artifacts.ts";
import { imageReturn } from "./images/image-return.ts";
import { createImageUploads, type ImageUploads } from "./images/image-uploads.ts";
import { createImages, type Images } from "./images/images.ts";
import { type AgentIdentity, authenticateAgent } from "./jobs/agent-tokens.ts";
import { type Agents, createAgents } from "./jobs/agents.ts";
import { createJobs, type Jobs } from "./jobs/jobs.ts";
import { createLogFollowers } from "./jobs/log-followers.ts";
import { createLogRetention } from "./jobs/log-retention.ts";
import { createReconciler, type Reconciler } from "./jobs/reconcile.ts";
import { createJobLogReader, type JobLogReader } from "./jobs/read-log.ts";
import { createRemoteBuildNodes, type RemoteBuildNodes } from "./nodes/nodes.ts";
import type { Ports } from "./ports/index.ts";
import { publicKeyReturn } from "./public-keys/public-key-return.ts";
import { createPublicKeys, type PublicKeys } from "./public-keys/public-keys.ts";
import { createRecipeArchives, type RecipeArchives } from "./recipes/recipe-archives.ts";
import { recipeReturn } from "./recipes/recipe-return.ts";
import { createRecipes, type Recipes } from "./recipes/recipes.ts";
import type { Settings } from "./settings.ts";
import { sweepUploads } from "./uploads/sweep-uploads.ts";
import { createUploads, type Uploads } from "./uploads/uploads.ts";

/** Everything the service can do, without a word about HTTP. */
export interface Ims {
  readonly publicKeys: PublicKeys;
  readonly recipes: Recipes;
  readonly recipeArchives: RecipeArchives;
  readonly images: Images;
  readonly imageUploads: ImageUploads;
  readonly imageArtifacts: ImageArtifacts;
  readonly uploads: Uploads;
  readonly deletedPublicKeys: DeletedRecords<"deleted-public-key">;
  readonly deletedRecipes: DeletedRecords<"deleted-recipe">;
  readonly deletedImages: DeletedRecords<"deleted-image">;
  readonly remoteBuildNodes: RemoteBuildNodes;
  readonly jobs: Jobs;
  readonly jobLogs: JobLogReader;
  readonly agents: Agents;
  readonly reconciler: Reconciler;
  /** @throws `unauthenticated` */
  authenticateAgent(jobId: string, token: string | undefined): AgentIdentity;
  /** Proves that records and objects can be stored now. @throws `unavailable` or `storage-full` */
  checkStorage(): Promise<void>;
  /**
   * Goes on with the object moves that no request waits for: those of a crash, of a store that was out of reach, of a
   * wait that was too long. Never throws for one that fails again. Ends early by the signal.
   */
  settle(signal?: AbortSignal): Promise<void>;
  /** Removes logs whose time is over, and those that a crash left of deleted jobs. Ends early by the signal. */
  removeOldLogs(signal?: AbortSignal): Promise<void>;
  /** Finishes what a crash left half done: pending object moves, uploads that nobody will complete. */
  recover(signal?: AbortSignal): Promise<void>;
}

/** Uploads that are older cannot belong to a request that still runs. */
const STALE_UPLOAD_MS = 24 * 3_600_000;

/** `wake` is called when a job may be due for launching or cleaning; the next reconciliation need not wait then. */
export function createIms(given: Ports, settings: Settings, wake: () => void = () => undefined): Ims {
  const buckets = Object.values(settings.buckets);
  const artifacts = withinBuckets(given.artifacts, [...buckets, ...settings.linkBuckets]);
  const journals = createJournals({ ...given, artifacts }, settings.moveWaitSeconds);
  const followers = createLogFollowers(given);
  const ports: CorePorts = { ...given, ...followers.heard, artifacts, journals };
  return {
    publicKeys: createPublicKeys(ports),
    recipes: createRecipes(ports),
    recipeArchives: createRecipeArchives(ports, settings),
    images: createImages(ports, settings),
    imageUploads: createImageUploads(ports, settings),
    imageArtifacts: createImageArtifacts(ports, settings),
    uploads: createUploads(ports, settings),
    deletedPublicKeys: createDeletedRecords(ports, "deleted-public-key", publicKeyReturn(ports)),
    deletedRecipes: createDeletedRecords(ports, "deleted-recipe", recipeReturn(ports)),
    deletedImages: createDeletedRecords(ports, "deleted-image", imageReturn(ports, settings.buckets.images)),
    remoteBuildNodes: createRemoteBuildNodes(ports),
    jobs: createJobs(ports, settings, wake),
    jobLogs: createJobLogReader(ports, followers),
    agents: createAgents(ports, settings, wake),
    reconciler: createReconciler(ports, settings),
    authenticateAgent: (jobId, token) => authenticateAgent(ports.signer, jobId, token),
    async checkStorage() {
      await Promise.all([ports.records.check(), ports.artifacts.check()]);
    },
    removeOldLogs: createLogRetention(ports, settings.jobs.logRetentionDays),
    settle: (signal) => journals.settleAll(signal),
    async recover(signal) {
      await journals.settleAll(signal);
      await sweepUploads(ports, buckets, signal);
      for (const bucket of buckets) await sweepStaging(ports, bucket, ports.clock.now() - STALE_UPLOAD_MS);
    },
  };
}
