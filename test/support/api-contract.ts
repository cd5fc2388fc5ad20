import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import * as v from "valibot";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { PREFIXES, STORED_TYPE } from "../../functions/http/endpoint.ts";
import { openApiDocument } from "../../infra/openapi-document.ts";

/** The document's own address, for schemas that refer to it. */
const BASE = "https://ims.invalid/openapi";

const JsonSchema = v.record(v.string(), v.unknown());
type JsonSchema = v.InferOutput<typeof JsonSchema>;
const Ref = v.object({ $ref: v.string() });
const Header = v.object({ required: v.optional(v.boolean(), false), schema: JsonSchema });
const Answer = v.object({
  headers: v.optional(v.record(v.string(), v.union([Ref, Header])), {}),
  content: v.optional(v.record(v.string(), v.object({ schema: JsonSchema })), {}),
});
type Answer = v.InferOutput<typeof Answer>;
const Operation = v.object({
  operationId: v.string(),
  responses: v.record(v.string(), v.union([Ref, Answer])),
});
type Operation = v.InferOutput<typeof Operation>;

/** What is read of an OpenAPI document. */
const Document = v.object({
  paths: v.record(v.string(), v.record(v.string(), Operation)),
  components: v.object({
    headers: v.record(v.string(), Header),
    responses: v.record(v.string(), Answer),
  }),
});

/** Holds answers to the description of the API. */
export interface ApiContract {
  /**
   * Reads a copy of the body, unless it is bytes. Rejects with what the description does not say of this answer: its
   * status, its content type, a header, a member of its body, or that a path or method is served at all.
   */
  check(method: string, url: string, answer: Response): Promise<void>;
}

class Undocumented extends Error {
  override readonly name = "Undocumented";
}

const ALLOW: Answer["headers"] = { Allow: { required: true, schema: { type: "string", minLength: 1 } } };
const PROBLEM: Answer = {
  headers: { "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" } },
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/ProblemDetails" } } },
};

/** What an OpenAPI document has no place for: paths and methods that it does not describe. */
function answerOutside(isKnownPath: boolean, method: string): Record<string, Answer> {
  if (!isKnownPath) return { 404: PROBLEM };
  if (method === "OPTIONS") return { 200: { headers: ALLOW, content: {} } };
  return { 405: { ...PROBLEM, headers: { ...PROBLEM.headers, ...ALLOW } } };
}

/** `source` is an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12. */
export function createApiContract(source: object): ApiContract {
  const { paths, components } = v.parse(Document, source);
  // Of two paths that match, OpenAPI takes the one that has no parameter there.
  const routes = Object.entries(paths)
    .map(([path, operations]) => ({ path, pattern: patternOf(path), operations }))
    .toSorted((a, b) => a.path.split("{").length - b.path.split("{").length);
  const validate = createValidator(source);

  return {
    async check(method, url, answer) {
      const path = pathOf(url);
      const matching = routes.filter(({ pattern }) => pattern.test(path)).map(({ operations }) => operations);
      const member = method === "HEAD" ? "get" : method.toLowerCase();
      const operation = matching.find((operations) => member in operations)?.[member];
      const described = operation?.responses ?? answerOutside(matching.length > 0, method);
      try {
        await checkAnswer(described, method, answer);
      } catch (error) {
        if (!(error instanceof Undocumented)) throw error;
        const name = operation?.operationId ?? "no operation of the description";
        throw new Undocumented(`${method} ${path} (${name}) answered ${answer.status}: ${error.message}`);
      }
    },
  };

  async function checkAnswer(described: Operation["responses"], method: string, answer: Response) {
    const found = described[answer.status];
    if (found === undefined)
      throw new Undocumented(`described are only ${Object.keys(described).join(", ")}`);
    const { headers, content } = "$ref" in found ? lookUp(components.responses, found.$ref) : found;
    for (const [name, header] of Object.entries(headers))
      checkHeader(name, "$ref" in header ? lookUp(components.headers, header.$ref) : header, answer);
    await checkBody(content, method, answer);
  }

  function checkHeader(name: string, { required, schema }: v.InferOutput<typeof Header>, answer: Response) {
    const value = answer.headers.get(name);
    if (value !== null) validate(schema, value, `header ${name}`);
    else if (required) throw new Undocumented(`header ${name} is missing`);
  }

  async function checkBody(content: Answer["content"], method: string, answer: Response) {
    const types = Object.keys(content);
    const sent = answer.headers.get("content-type");
    const type = types.find((known) => known === sent || (known === STORED_TYPE && sent !== null));
    if (types.length > 0 && type === undefined)
      throw new Undocumented(`content type is ${sent}; described are only ${types.join(", ")}`);
    if (types.length > 0 && method !== "HEAD") return await checkContent(type ?? "", content, answer);
    if ((await answer.clone().text()) !== "")
      throw new Undocumented("there is a body, and none is described");
  }

  async function checkContent(type: string, content: Answer["content"], answer: Response) {
    if (type.endsWith("json")) validate(content[type]?.schema ?? {}, await answer.clone().json(), "body");
  }
}

function lookUp<T>(all: Readonly<Record<string, T>>, ref: string): T {
  const found = all[ref.split("/").at(-1) ?? ""];
  if (found === undefined) throw new Error(`The description refers to ${ref}, which it does not have.`);
  return found;
}

function patternOf(path: string): RegExp {
  const source = path.replaceAll(/\{\w+\*\}/gu, ".+").replaceAll(/\{\w+\}/gu, "[^/]+");
  return new RegExp(`^${source}$`, "u");
}

function pathOf(url: string): string {
  const { pathname } = new URL(url, "http://localhost");
  const prefix = PREFIXES.find((known) => known !== "" && pathname.startsWith(`${known}/`)) ?? "";
  return pathname.slice(prefix.length);
}

/** Checks values against schemas that may refer to the document's. */
function createValidator(source: object) {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  ajv.addFormat("date-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
  ajv.addFormat("uuid", /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u);
  const { components } = v.parse(v.object({ components: JsonSchema }), source);
  ajv.addVocabulary(["components"]);
  ajv.addSchema({ $id: BASE, components: closed(components) });
  const compiled = new Map<JsonSchema, ValidateFunction>();
  return (schema: JsonSchema, value: unknown, what: string): void => {
    const validate = compiled.get(schema) ?? ajv.compile(closed(schema));
    compiled.set(schema, validate);
    if (!validate(value)) throw new Undocumented(ajv.errorsText(validate.errors, { dataVar: what }));
  };
}

/**
 * The same schema, in which an object has the members that are described and no others. The published one leaves room
 * for members that are added later; a test must see one that nobody described.
 */
function closed(schema: JsonSchema): JsonSchema {
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [
      key,
      key === "$ref" ? `${BASE}${String(value)}` : closedValue(value),
    ]),
  );
  const isOpen = "properties" in schema && !("additionalProperties" in schema);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}

function closedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => closedValue(item));
  const object = v.safeParse(JsonSchema, value);
  return object.success ? closed(object.output) : value;
}

const contract = createApiContract(openApiDocument(ENDPOINTS, "test"));

/** The answer, held to the description of the API, agents' and signed paths included. */
export async function documented(
  url: string,
  init: RequestInit | undefined,
  answer: Response | Promise<Response>,
): Promise<Response> {
  const sent = await answer;
  await contract.check(init?.method ?? "GET", url, sent);
  return sent;
}
