import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { Link } from "../core/artifacts/link.ts";
import { TITLES } from "../functions/http/problem.ts";
import * as shapes from "../functions/v3/shapes.ts";

export type Json = { readonly [member: string]: unknown };

/** Names that clients' generators make types of; those that the API of record has are its own. */
const ANSWERS: Readonly<Record<string, v.GenericSchema>> = {
  Artifact: shapes.ArtifactV3,
  ArtifactLinkRecord: Link,
  DeletedImageRecord: shapes.DeletedImageV3,
  DeletedPublicKeyRecord: shapes.DeletedPublicKeyV3,
  DeletedRecipeRecord: shapes.DeletedRecipeV3,
  ImageRecord: shapes.ImageV3,
  ImageRecordV2: shapes.ImageV2,
  JobRecord: shapes.JobV3,
  PublicKeyRecord: shapes.PublicKeyV3,
  RecipeRecord: shapes.RecipeV3,
  RemoteBuildNodeRecord: shapes.RemoteBuildNodeV3,
  RemoteBuildNodeStatus: shapes.NodeStatusV3,
  SignedPart: shapes.SignedPartV3,
  Upload: shapes.UploadV3,
  UploadedArtifact: shapes.UploadedArtifactV3,
  UploadedPart: shapes.UploadedPartV3,
};
const REQUESTS: Readonly<Record<string, v.GenericSchema>> = {
  ImagePatchRecord: shapes.ImagePatchV3,
  JobPatchRecord: shapes.JobPatchV3,
  NewImage: shapes.NewImageV3,
  NewJob: shapes.NewJobV3,
  NewPublicKey: shapes.NewPublicKeyV3,
  NewRecipe: shapes.NewRecipeV3,
  NewRemoteBuildNode: shapes.NewRemoteBuildNodeV3,
  NewUpload: shapes.NewUploadV3,
  PartNumbers: shapes.PartNumbersV3,
  RecipePatchRecord: shapes.RecipePatchV3,
};

/**
 * What is transformed on the way in is described as it arrives; refinements in code have no JSON Schema and are left
 * out.
 */
function jsonSchema(
  schema: v.GenericSchema,
  typeMode: "input" | "output",
  definitions: Readonly<Record<string, v.GenericSchema>>,
): Json {
  const converted: Json = {
    ...toJsonSchema(schema, {
      typeMode,
      target: "draft-2020-12",
      errorMode: "ignore",
      definitions,
      overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
    }),
  };
  const { $schema: _dialect, $defs: _named, ...rest } = converted;
  return rest;
}

export const requestSchema = (schema: v.GenericSchema): Json => jsonSchema(schema, "input", REQUESTS);
export const answerSchema = (schema: v.GenericSchema): Json => jsonSchema(schema, "output", ANSWERS);

/** A definition must not refer to itself. */
function without(name: string, all: Readonly<Record<string, v.GenericSchema>>) {
  const { [name]: _left, ...others } = all;
  return others;
}

function namedSchemas(): Json {
  const named = (all: typeof ANSWERS, typeMode: "input" | "output") =>
    Object.entries(all).map(([name, schema]) => [name, jsonSchema(schema, typeMode, without(name, all))]);
  return Object.fromEntries([...named(ANSWERS, "output"), ...named(REQUESTS, "input")]);
}

export const ref = (kind: "schemas" | "responses" | "headers", name: string): Json => ({
  $ref: `#/components/${kind}/${name}`,
});

const header = (description: string, pattern: string, required = true): Json => ({
  description,
  required,
  schema: { type: "string", pattern },
});

/** Headers by the names they are sent under. */
const HEADERS = {
  "X-Request-Id": header(
    "The request's id in the service's log; the one that was sent, if it is fit",
    "^[\\w.-]{1,64}$",
  ),
  ETag: header("Send it as `If-None-Match` to be answered 304 while nothing has changed", '^"[^"]*"$'),
  "WWW-Authenticate": header("How to show who is calling", "^Bearer"),
  "Retry-After": header("Seconds after which the request may succeed", "^\\d+$"),
  "Accept-Ranges": header("Parts can be asked for by `Range`", "^bytes$"),
  "Content-Range": header(
    "Which part of the content this is, and the size of the whole",
    "^bytes (?:\\d+-\\d+|\\*)/\\d+$",
  ),
  "Repr-Digest": header("Digests of the whole content (RFC 9530)", "^[\\w-]+=:[^:]+:", false),
} as const;
type HeaderName = keyof typeof HEADERS;

export const headers = (...names: readonly HeaderName[]): Json =>
  Object.fromEntries(["X-Request-Id" as const, ...names].map((name) => [name, ref("headers", name)]));

const headerParameter = (name: string, description: string, pattern: string): Json => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string", pattern },
});

/**
 * Of requests that send bytes. `If-None-Match`, which every read understands, is told with `ETag`: as a parameter it
 * would become an option of every command that is generated from this document.
 */
export const DIGEST_PARAMETERS: readonly Json[] = [
  headerParameter("Content-MD5", "The bytes' md5 in base64: others are refused", "^[A-Za-z0-9+/]{22}==$"),
  headerParameter(
    "Repr-Digest",
    "The bytes' digests by RFC 9530, sha-256 or md5: others are refused",
    "^(?:sha-256=:[A-Za-z0-9+/]{43}=:|md5=:[A-Za-z0-9+/]{22}==:)$",
  ),
];

/** Of requests for bytes. */
export const PART_PARAMETERS: readonly Json[] = [
  headerParameter("Range", "The part that is wanted", "^bytes=(?:\\d{1,15}-\\d{0,15}|-\\d{1,15})$"),
];

/** Of requests for events. */
export const RESUME_PARAMETERS: readonly Json[] = [
  headerParameter("Last-Event-ID", "Of the last event that the client has", "^\\d{1,15}(?:\\.end)?$"),
];

/** Headers that a problem of this status has beside those of every answer. */
const PROBLEM_HEADERS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ["WWW-Authenticate"],
  416: ["Content-Range"],
  503: ["Retry-After"],
};

/** `Content Too Large` is `ContentTooLarge`. */
const problemName = (status: number): string => (TITLES[status] ?? `Problem${status}`).replaceAll(" ", "");

export const problem = (status: number): Json => ref("responses", problemName(status));

function problemResponse(status: number): Json {
  return {
    description: TITLES[status],
    headers: headers(...(PROBLEM_HEADERS[status] ?? [])),
    content: { "application/problem+json": { schema: ref("schemas", "ProblemDetails") } },
  };
}

const PROBLEM_SCHEMA: Json = {
  type: "object",
  description: "Problem details (RFC 9457)",
  required: ["title", "status"],
  properties: {
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    errors: {
      type: "object",
      description: "Messages by field; nested fields nest. Of a whole collection: by record id",
    },
    request_id: { type: "string", description: "With status 500: what to look for in the service's log" },
  },
};

/** All that operations refer to; `statuses` are those of the problems they name. */
export function components(statuses: readonly number[]): Json {
  return {
    schemas: { ...namedSchemas(), ProblemDetails: PROBLEM_SCHEMA },
    responses: Object.fromEntries(statuses.map((status) => [problemName(status), problemResponse(status)])),
    headers: HEADERS,
    securitySchemes: { bearerAuth: { type: "http", scheme: "bearer" } },
  };
}
