import * as v from "valibot";
import { DomainError, type FieldErrors } from "../../core/errors.ts";
import { concat } from "./bytes.ts";
import { fieldErrors } from "./field-errors.ts";

export const MAX_JSON_BYTES = 1_048_576;

const NO_INPUT =
  "No input provided. Determine the specific information that is missing or invalid and then re-run the request with valid information.";
const INVALID =
  "Input data was understood, but failed validation. Re-run request with valid input values for the fields indicated in the response.";

/** The JSON body, parsed by the schema. @throws 415, 413, 400 and 422 as the original answers (behaviour 5 to 12). */
export async function readJsonBody(request: Request, schema: v.GenericSchema): Promise<unknown> {
  if (!isJson(request.headers.get("content-type")))
    throw new DomainError("unsupported-media-type", "Send the body with content-type application/json.");
  const value = parse(await readLimited(request));
  if (isFalsy(value)) throw new DomainError("bad-request", NO_INPUT);
  if (typeof value !== "object" || Array.isArray(value)) throw invalid({ _schema: ["Invalid input type."] });
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw invalid(fieldErrors(result.issues));
}

function invalid(fields: FieldErrors): DomainError {
  return new DomainError("invalid", INVALID, { fields });
}

function isJson(contentType: string | null): boolean {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return type === "application/json" || /^application\/[\w.-]+\+json$/u.test(type);
}

function isFalsy(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === 0 || value === "";
}

async function readLimited(request: Request): Promise<string> {
  const tooLarge = () => new DomainError("too-large", `The body is larger than ${MAX_JSON_BYTES} bytes.`);
  if (Number(request.headers.get("content-length") ?? 0) > MAX_JSON_BYTES) throw tooLarge();
  // A length that was announced is enforced by HTTP itself, which spares most requests the stream.
  if (request.headers.has("content-length")) return decode(new Uint8Array(await request.arrayBuffer()));
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > MAX_JSON_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return decode(concat(chunks, size));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DomainError("bad-request", "The body is not UTF-8.", { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DomainError("bad-request", "The body is not valid JSON.", { cause: error });
  }
}
