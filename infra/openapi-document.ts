import * as v from "valibot";
import { type Endpoint, pathsOf } from "../functions/http/endpoint.ts";
import {
  answerSchema,
  components,
  DIGEST_PARAMETERS,
  headers,
  type Json,
  PART_PARAMETERS,
  RESUME_PARAMETERS,
  problem,
  requestSchema,
} from "./openapi-components.ts";

const TAGS: Readonly<Record<string, string>> = {
  "public-keys": "Who may log in to a job's shell",
  recipes: "Descriptions of images, to be built by jobs",
  uploads: "Archives and artifacts that come in parts",
  images: "Bootable images and their artifacts",
  jobs: "Builds of images from recipes, and customizations of images",
  deleted: "The trash: what the third generation has deleted, to be restored or deleted for good",
  "remote-build-nodes": "Machines outside of the cluster that may run jobs",
  healthz: "Probes",
  version: "About the service",
  agent: "For the agents of jobs only",
  signed: "Objects by signed URLs",
};

/** The endpoints that are described to the public. */
export const published = (endpoints: readonly Endpoint[]): readonly Endpoint[] =>
  endpoints.filter((endpoint) => endpoint.internal !== true);

/** The OpenAPI 3.1 document of these endpoints, made from the very schemas that validate. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints)
    for (const path of pathsOf(endpoint)) (paths[path] ??= {})[endpoint.method] = operation(endpoint, path);
  return {
    openapi: "3.1.0",
    info: {
      title: "Image Management Service",
      version,
      description: "Builds, customizes, stores and hands out bootable operating-system images.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      { url: "/", description: "As is" },
      { url: "/apis/ims", description: "Behind an API gateway" },
    ],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name, description: TAGS[name] })),
    security: [{ bearerAuth: [] }],
    paths,
    components: components(inOrder(endpoints.flatMap((endpoint) => problemStatuses(endpoint)))),
  };
}

/** An operationId names one path only: an alias has the path's first part added to it. */
function operation(endpoint: Endpoint, path: string): Json {
  const suffix = path === endpoint.path ? "" : `_at_${path.split("/")[1]}`;
  return {
    operationId: endpoint.operation + suffix,
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    tags: [endpoint.tag],
    ...(endpoint.role === "anyone" ? { security: [] } : {}),
    ...parametersOf(endpoint),
    ...requestBodyOf(endpoint),
    responses: responsesOf(endpoint),
  };
}

function parametersOf(endpoint: Endpoint): Json {
  const parameters = [
    ...[...endpoint.path.matchAll(/\{(\w+)\*?\}/gu)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...queryParameters(endpoint),
    ...(endpoint.takesBytes === undefined ? [] : DIGEST_PARAMETERS),
    ...(endpoint.answersBytes === undefined ? [] : PART_PARAMETERS),
    ...(endpoint.answersEvents === undefined ? [] : RESUME_PARAMETERS),
  ];
  return parameters.length === 0 ? {} : { parameters };
}

const Described = v.object({
  properties: v.record(
    v.string(),
    v.looseObject({ type: v.optional(v.string()), description: v.optional(v.string()) }),
  ),
  required: v.optional(v.array(v.string()), []),
});

/** As its query schema puts it out: what comes in is a list for every parameter, which may be given several times. */
function queryParameters({ query }: Endpoint): Json[] {
  if (query === undefined) return [];
  const { properties, required } = v.parse(Described, answerSchema(query));
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    ...(schema.type === "array" ? { style: "form", explode: true } : {}),
    schema,
  }));
}

function requestBodyOf(endpoint: Endpoint): Json {
  if (endpoint.body !== undefined)
    return {
      requestBody: {
        required: true,
        content: { "application/json": { schema: requestSchema(endpoint.body) } },
      },
    };
  if (endpoint.takesBytes === undefined) return {};
  const { description } = endpoint.takesBytes;
  return {
    requestBody: { required: true, description, content: { "application/octet-stream": { schema: {} } } },
  };
}

function responsesOf(endpoint: Endpoint): Json {
  const problems = problemStatuses(endpoint).map((status) => [status, problem(status)]);
  return { ...successesOf(endpoint), ...Object.fromEntries(problems) };
}

function successesOf(endpoint: Endpoint): Json {
  if (endpoint.answersBytes !== undefined)
    return bytesOf(endpoint.answersBytes, endpoint.answersEvents?.description);
  if (endpoint.returns === undefined)
    return { [endpoint.status]: { description: "Done", headers: headers() } };
  const isRead = endpoint.method === "get";
  const success = {
    description: endpoint.summary,
    headers: { ...headers(...(isRead ? ["ETag" as const] : [])), ...ownHeaders(endpoint) },
    content: { "application/json": { schema: answerSchema(endpoint.returns) } },
  };
  return { [endpoint.status]: success, ...(isRead ? { 304: unchanged(headers("ETag")) } : {}) };
}

function bytesOf(
  { contentType, description, redirects }: NonNullable<Endpoint["answersBytes"]>,
  events: string | undefined,
): Json {
  const content = { [contentType]: { schema: {} } };
  const whole = { description, headers: headers("Accept-Ranges", "Repr-Digest"), content };
  return {
    200: events === undefined ? whole : withEvents(whole, events),
    206: {
      description: `${description}: the part that was asked for`,
      headers: headers("Accept-Ranges", "Content-Range", "Repr-Digest"),
      content,
    },
    304: unchanged(headers()),
    ...(redirects === undefined ? {} : { 307: redirection(redirects) }),
    ...(events === undefined ? {} : { 204: { description: "No event will ever come", headers: headers() } }),
  };
}

/** Parts of what is still to come cannot be asked for. */
function withEvents({ description, content }: { description: string; content: Json }, events: string): Json {
  return {
    description: `${description}. As events: ${events}`,
    headers: headers("Repr-Digest"),
    content: { ...content, "text/event-stream": { schema: { type: "string" } } },
  };
}

/** Only of a deployment as separate functions. */
const redirection = (description: string): Json => ({
  description,
  headers: {
    ...headers(),
    Location: { description: "Where to", required: true, schema: { type: "string" } },
  },
});

const unchanged = (all: Json): Json => ({ description: "What the client has is still true", headers: all });

function ownHeaders({ answerHeaders }: Endpoint): Json {
  const described = Object.entries(answerHeaders ?? {}).map(([name, description]) => [
    name,
    { description, schema: { type: "string" } },
  ]);
  return Object.fromEntries(described);
}

/** Every problem that the endpoint's own description lets happen. */
function problemStatuses(endpoint: Endpoint): number[] {
  const statuses = [...(endpoint.problems ?? []), 500, 503];
  const add = (when: boolean, ...more: number[]) => when && statuses.push(...more);
  add(endpoint.role !== "anyone", 401, 403);
  add(endpoint.role === "agent", 410);
  add(endpoint.path.includes("{"), 404);
  add(endpoint.query !== undefined, 400);
  add(endpoint.body !== undefined, 400, 413, 415, 422);
  add(endpoint.takesBytes !== undefined, 400, 413, 422);
  add(endpoint.answersBytes !== undefined, 416);
  add(endpoint.method !== "get", 507);
  return inOrder(statuses);
}

const inOrder = (numbers: readonly number[]): number[] => [...new Set(numbers)].toSorted((a, b) => a - b);
