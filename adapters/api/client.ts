import { createHash } from "node:crypto";
import * as v from "valibot";
import { DomainError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { Image } from "../../core/images/image.ts";
import { Job } from "../../core/jobs/job.ts";
import { PublicKey } from "../../core/public-keys/public-key.ts";
import { Recipe } from "../../core/recipes/recipe.ts";

/** What this client needs of a job; a newer service may say more. */
const JobView = v.pick(Job, [
  "id",
  "created",
  "status",
  "error",
  "progress",
  "resultant_image_id",
  "arch",
  "image_root_archive_name",
]);
type JobView = v.InferOutput<typeof JobView>;

const ArtifactView = v.object({
  name: v.string(),
  type: v.string(),
  md5: v.optional(v.string()),
  sha256: v.optional(v.string()),
  size: v.number(),
  link: v.object({ path: v.string(), etag: v.optional(v.string(), "") }),
});
type ArtifactView = v.InferOutput<typeof ArtifactView>;

const ProblemView = v.object({ title: v.optional(v.string()), detail: v.optional(v.string()) });

type NewRecipe = Pick<
  Recipe,
  "name" | "recipe_type" | "linux_distribution" | "template_dictionary" | "require_dkms" | "arch"
>;
type NewJob = Pick<Job, "job_type" | "artifact_id" | "public_key_id" | "image_root_archive_name">;

/**
 * The service, as its clients see it.
 *
 * Errors: what the service answers, as the DomainError that it was; `unavailable` when there is no answer in time, or
 * one that is not the API's; the signal's reason when aborted.
 */
export interface ApiClient {
  createPublicKey(input: Pick<PublicKey, "name" | "public_key">): Promise<PublicKey>;
  createRecipe(input: NewRecipe): Promise<Recipe>;
  /** Sends a tar.gz with its md5 and links the recipe to it. */
  putRecipeArchive(recipeId: string, archive: Uint8Array<ArrayBuffer>): Promise<Recipe>;
  createJob(input: NewJob): Promise<JobView>;
  getJob(id: string): Promise<JobView>;
  cancelJob(id: string): Promise<JobView>;
  /** What the log has from this byte on; empty when there is nothing new. */
  readJobLog(id: string, offset: number): Promise<Uint8Array>;
  getImage(id: string): Promise<Image>;
  listArtifacts(imageId: string): Promise<readonly ArtifactView[]>;
  /** The bytes of an artifact, to be read once. */
  readArtifact(imageId: string, name: string): Promise<AsyncIterable<Uint8Array>>;
}

export interface ApiClientConfig {
  /** Such as `http://127.0.0.1:9100`, with or without the gateway's prefix. */
  readonly url: string;
  readonly token?: string;
  /** Ends every request of this client. */
  readonly signal?: AbortSignal;
  /** Until an answer begins, in milliseconds (60,000); reading its body has no limit but the signal. */
  readonly limit?: number;
  /** Tests hand the application itself here. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "bad-request",
  401: "unauthenticated",
  403: "forbidden",
  404: "not-found",
  409: "conflict",
  410: "gone",
  413: "too-large",
  415: "unsupported-media-type",
  416: "range-not-satisfiable",
  422: "invalid",
  507: "storage-full",
};

const LIMIT_MS = 60_000;

interface Ask {
  readonly method?: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

async function problemFrom(response: Response, what: string): Promise<DomainError> {
  const text = await response.text();
  const problem = v.safeParse(v.pipe(v.string(), v.parseJson(), ProblemView), text);
  const said = problem.success ? (problem.output.detail ?? problem.output.title) : undefined;
  const code = CODES[response.status] ?? (response.status < 500 ? "bad-request" : "unavailable");
  return new DomainError(code, `${what}: the service answered ${response.status}. ${said ?? ""}`.trimEnd());
}

/** A sender of requests that answers only what the service did willingly. */
function createSender(config: ApiClientConfig) {
  const send = config.fetch ?? ((request: Request) => fetch(request));
  const authorization: Record<string, string> =
    config.token === undefined ? {} : { authorization: `Bearer ${config.token}` };
  return async (ask: Ask): Promise<Response> => {
    const method = ask.method ?? "GET";
    const what = `${method} ${ask.path}`;
    // the limit is for the answer to begin: a body may take as long as it is large
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("no answer in time")), config.limit ?? LIMIT_MS);
    const signals = config.signal === undefined ? [late.signal] : [late.signal, config.signal];
    const request = new Request(`${config.url.replace(/\/+$/u, "")}${ask.path}`, {
      method,
      headers: { ...authorization, ...ask.headers },
      signal: AbortSignal.any(signals),
      ...(ask.body === undefined ? {} : { body: ask.body }),
    });
    let response: Response;
    try {
      response = await send(request);
    } catch (error) {
      config.signal?.throwIfAborted();
      throw new DomainError("unavailable", `${what}: the service does not answer.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw await problemFrom(response, what);
    return response;
  };
}

function json(content: unknown): Pick<Ask, "headers" | "body"> {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(content) };
}

function segment(text: string): string {
  return encodeURIComponent(text);
}

export function createApiClient(config: ApiClientConfig): ApiClient {
  const send = createSender(config);

  async function ask<S extends v.GenericSchema>(schema: S, request: Ask): Promise<v.InferOutput<S>> {
    const response = await send(request);
    const parsed = v.safeParse(schema, await response.json().catch(() => undefined));
    if (parsed.success) return parsed.output;
    throw new DomainError("unavailable", `${request.path}: the answer is not that of this API.`);
  }

  async function readJobLog(id: string, offset: number): Promise<Uint8Array> {
    const path = `/v3/jobs/${segment(id)}/log`;
    try {
      const response = await send({ path, headers: { range: `bytes=${offset}-` } });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return response.status === 206 ? bytes : bytes.subarray(offset);
    } catch (error) {
      if (error instanceof DomainError && error.code === "range-not-satisfiable") return new Uint8Array();
      throw error;
    }
  }

  async function readArtifact(imageId: string, name: string): Promise<AsyncIterable<Uint8Array>> {
    const response = await send({ path: `/v3/images/${segment(imageId)}/artifacts/${segment(name)}` });
    return response.body ?? new Blob([]).stream();
  }

  return {
    createPublicKey: (input) => ask(PublicKey, { method: "POST", path: "/v3/public-keys", ...json(input) }),
    createRecipe: (input) => ask(Recipe, { method: "POST", path: "/v3/recipes", ...json(input) }),
    putRecipeArchive: (recipeId, archive) =>
      ask(Recipe, {
        method: "PUT",
        path: `/v3/recipes/${segment(recipeId)}/archive`,
        headers: {
          "content-type": "application/gzip",
          "content-md5": createHash("md5").update(archive).digest("base64"),
        },
        body: archive,
      }),
    createJob: (input) => ask(JobView, { method: "POST", path: "/v3/jobs", ...json(input) }),
    getJob: (id) => ask(JobView, { path: `/v3/jobs/${segment(id)}` }),
    cancelJob: (id) => ask(JobView, { method: "POST", path: `/v3/jobs/${segment(id)}/cancel` }),
    readJobLog,
    getImage: (id) => ask(Image, { path: `/v3/images/${segment(id)}` }),
    listArtifacts: (imageId) =>
      ask(v.array(ArtifactView), { path: `/v3/images/${segment(imageId)}/artifacts` }),
    readArtifact,
  };
}
