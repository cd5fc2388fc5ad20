import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { type Endpoint, pathsOf } from "../functions/http/endpoint.ts";

type Json = { readonly [member: string]: unknown };

const PROBLEM_REF = { $ref: "#/components/schemas/ProblemDetails" };

/** The OpenAPI 3.1 document of these endpoints, made from the very schemas that validate. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const published = endpoints.filter((endpoint) => endpoint.internal !== true);
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of published)
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
    tags: [...new Set(published.map(({ tag }) => tag))].map((name) => ({ name })),
    security: [{ bearerAuth: [] }],
    paths,
    components: {
      schemas: { ProblemDetails: problemSchema() },
      securitySchemes: { bearerAuth: { type: "http", scheme: "bearer" } },
    },
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
  const inPath = [...endpoint.path.matchAll(/\{(\w+)\}/gu)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(propertiesOf(endpoint.query)).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    schema: name === "status" ? schema : { type: "string" },
  }));
  const parameters = [...inPath, ...inQuery];
  return parameters.length === 0 ? {} : { parameters };
}

function propertiesOf(schema: v.GenericSchema | undefined): Json {
  const properties = schema === undefined ? undefined : jsonSchema(schema, "input")["properties"];
  return isJson(properties) ? properties : {};
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

function requestBodyOf(endpoint: Endpoint): Json {
  if (endpoint.body !== undefined)
    return {
      requestBody: {
        required: true,
        content: { "application/json": { schema: jsonSchema(endpoint.body, "input") } },
      },
    };
  if (endpoint.takesBytes === undefined) return {};
  const { description } = endpoint.takesBytes;
  return {
    requestBody: { required: true, description, content: { "application/octet-stream": { schema: {} } } },
  };
}

function responsesOf(endpoint: Endpoint): Json {
  const success = { [endpoint.status]: successOf(endpoint) };
  const ranged = endpoint.answersBytes === undefined ? {} : { 206: successOf(endpoint), 416: problem() };
  const unchanged =
    endpoint.method === "get" ? { 304: { description: "What the client has is still true" } } : {};
  const problems = Object.fromEntries(problemStatuses(endpoint).map((status) => [status, problem()]));
  return { ...success, ...ranged, ...unchanged, ...problems };
}

/** Every problem that the endpoint's own description lets happen. */
function problemStatuses(endpoint: Endpoint): number[] {
  const statuses = new Set([...(endpoint.problems ?? []), 500, 503]);
  const add = (when: boolean, ...more: number[]) => when && more.forEach((status) => statuses.add(status));
  add(endpoint.role !== "anyone", 401, 403);
  add(endpoint.path.includes("{"), 404);
  add(endpoint.query !== undefined, 400);
  add(endpoint.body !== undefined, 400, 413, 415, 422);
  add(endpoint.takesBytes !== undefined, 400, 413, 422);
  add(endpoint.method !== "get", 507);
  return [...statuses].toSorted((a, b) => a - b);
}

function successOf(endpoint: Endpoint): Json {
  if (endpoint.answersBytes !== undefined) {
    const { contentType, description } = endpoint.answersBytes;
    return { description, content: { [contentType]: { schema: {} } } };
  }
  if (endpoint.returns === undefined) return { description: "Done" };
  return {
    description: endpoint.summary,
    ...headersOf(endpoint),
    content: { "application/json": { schema: jsonSchema(endpoint.returns, "output") } },
  };
}

function headersOf({ answerHeaders }: Endpoint): Json {
  if (answerHeaders === undefined) return {};
  const described = Object.entries(answerHeaders).map(([name, description]) => [
    name,
    { description, schema: { type: "string" } },
  ]);
  return { headers: Object.fromEntries(described) };
}

/** What is transformed on the way in is described as it arrives; refinements in code have no JSON Schema and are left out. */
function jsonSchema(schema: v.GenericSchema, typeMode: "input" | "output"): Json {
  const converted: Json = { ...toJsonSchema(schema, { typeMode, errorMode: "ignore" }) };
  const { $schema: _dialect, ...rest } = converted;
  return rest;
}

function problem(): Json {
  return { description: "A problem", content: { "application/problem+json": { schema: PROBLEM_REF } } };
}

function problemSchema(): Json {
  return {
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
}
