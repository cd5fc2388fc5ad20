import * as v from "valibot";
import { AgentOrigin, Builder } from "../images/provenance.ts";
import { FailureCode } from "./failure.ts";
import { JobStatus } from "./status.ts";

/**
 * The parts of an image that a job makes. `boot_parameters` only when the image has kernel parameters, `packages` when it
 * has a package database.
 */
export const IMAGE_PARTS = ["rootfs", "kernel", "initrd", "boot_parameters", "packages"] as const;
export const ImagePart = v.picklist(IMAGE_PARTS);
export type ImagePart = v.InferOutput<typeof ImagePart>;

/** Where a job's image has the object of a part. */
export function partKey(imageId: string, part: ImagePart): string {
  return `${imageId}/${part === "packages" ? "packages.json" : part}`;
}

/** Agent -> service: the job failed. The service adds phase and log tail. */
export const AgentFailure = v.object({
  code: FailureCode,
  message: v.pipe(v.string(), v.maxLength(2000)),
  exit_code: v.optional(v.number()),
  hint: v.pipe(v.string(), v.maxLength(2000)),
});
export type AgentFailure = v.InferOutput<typeof AgentFailure>;

/** Agent -> service, at least every heartbeat: what it is doing. */
export const AgentReport = v.object({
  status: JobStatus,
  message: v.optional(v.pipe(v.string(), v.maxLength(500))),
  percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  /** With `waiting_on_user`: for how many seconds nobody has used the shell, by the agent's own clock. */
  idle_seconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(31_536_000))),
  /** With `waiting_on_user`: where the shell answers, on the host that the plan named. */
  shell: v.optional(v.object({ port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)) })),
  /** With the shell of a build that failed: why it did, and in which phase. The job ends with that, however it ends. */
  held: v.optional(v.object({ ...AgentFailure.entries, phase: JobStatus })),
});
export type AgentReport = v.InferOutput<typeof AgentReport>;

/** Agent -> service: all artifacts are uploaded. Answered only when manifest, image record and job are all stored. */
export const AgentFinish = v.object({
  artifacts: v.pipe(
    v.array(
      v.object({
        part: ImagePart,
        size: v.pipe(v.number(), v.integer(), v.minValue(0)),
        md5: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/u)),
        sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u)),
      }),
    ),
    v.minLength(1),
  ),
  /** What made the image root. */
  builder: v.optional(Builder),
  /** What sends this. */
  agent: v.optional(AgentOrigin),
});
export type AgentFinish = v.InferOutput<typeof AgentFinish>;

/** Service -> agent: where to put an artifact in one piece. */
const PutTarget = v.object({
  method: v.literal("PUT"),
  /** To be sent with the bytes, next to what the agent says of the content. */
  headers: v.optional(v.record(v.string(), v.string()), {}),
  url: v.string(),
  expires_at: v.string(),
  /** Whether the answer tells MD5 and SHA-256 of what came, so that the agent need not know them before it sends. */
  answers_digests: v.optional(v.boolean()),
});
export type PutTarget = v.InferOutput<typeof PutTarget>;

/** Service -> agent: the artifact is to come in parts, by URLs that are asked for one by one. */
const PartsTarget = v.object({
  method: v.literal("PARTS"),
  upload: v.string(),
  /** Of all parts but the last, in bytes. */
  part_size: v.number(),
});
export type PartsTarget = v.InferOutput<typeof PartsTarget>;

/** The service decides by the size how an artifact is to come. */
export const UploadTarget = v.variant("method", [PutTarget, PartsTarget]);
export type UploadTarget = v.InferOutput<typeof UploadTarget>;

/** Agent -> service: parts for which it needs URLs. */
export const PartsAsked = v.object({
  part_numbers: v.pipe(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(1))),
    v.minLength(1),
    v.maxLength(100),
  ),
});
/** Service -> agent */
export const PartUrls = v.array(
  v.object({ part_number: v.number(), url: v.string(), expires_at: v.string() }),
);
export const PartsThere = v.array(v.object({ part_number: v.number(), size: v.number(), etag: v.string() }));

/** Agent -> service: all parts are sent; this is what they are together. */
export const SentParts = v.object({
  size: v.pipe(v.number(), v.integer(), v.minValue(0)),
  md5: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/u)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u)),
});

/** Service -> agent: how much of this attempt's log is stored, in bytes. */
export const LogAppended = v.object({ size: v.number() });
