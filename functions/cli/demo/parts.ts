import type { Image } from "../../../core/images/image.ts";
import type { Job } from "../../../core/jobs/job.ts";
import type { PublicKey } from "../../../core/public-keys/public-key.ts";
import type { Recipe } from "../../../core/recipes/recipe.ts";

export type DemoJob = Pick<Job, "id" | "status" | "error" | "progress" | "resultant_image_id">;

export interface DemoArtifact {
  readonly name: string;
  readonly type: string;
  readonly md5?: string | undefined;
  readonly sha256?: string | undefined;
  readonly size: number;
  readonly link: { readonly path: string; readonly etag: string };
}

/** The part of the API that the demo uses. */
export interface DemoApi {
  createPublicKey(input: Pick<PublicKey, "name" | "public_key">): Promise<{ readonly id: string }>;
  createRecipe(input: Omit<Recipe, "id" | "created" | "link">): Promise<{ readonly id: string }>;
  putRecipeArchive(recipeId: string, archive: Uint8Array<ArrayBuffer>): Promise<unknown>;
  createJob(
    input: Pick<Job, "job_type" | "artifact_id" | "public_key_id" | "image_root_archive_name">,
  ): Promise<DemoJob>;
  getJob(id: string): Promise<DemoJob>;
  cancelJob(id: string): Promise<unknown>;
  readJobLog(id: string, offset: number): Promise<Uint8Array>;
  getImage(id: string): Promise<Pick<Image, "id" | "name" | "arch" | "link">>;
  listArtifacts(imageId: string): Promise<readonly DemoArtifact[]>;
  readArtifact(imageId: string, name: string): Promise<AsyncIterable<Uint8Array>>;
}

/** What the demo needs besides running programs. */
export interface DemoParts {
  readonly connect: (url: string, signal: AbortSignal) => DemoApi;
  /** Ids of the jobs of a service with this data folder of which a process or a work folder is left. */
  readonly leftovers: (data: string) => Promise<readonly string[]>;
  /** As `process.arch` has it. */
  readonly arch: string;
  /** All of the user's environment, for installers, which have settings there. */
  readonly environment: Readonly<Record<string, string>>;
  /** The Node that runs this. */
  readonly node: string;
}
