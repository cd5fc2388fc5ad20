import type * as v from "valibot";
import type { FieldErrors } from "../../core/errors.ts";

type Issue = v.BaseIssue<unknown>;

/** All issues in the shape clients know: messages by field, nested for nested fields, list indexes as strings. */
export function fieldErrors(issues: readonly Issue[]): FieldErrors {
  const errors: FieldErrors = {};
  for (const issue of issues) {
    const path = (issue.path ?? []).map((item) => String(item.key));
    add(errors, path.length === 0 ? ["_schema"] : path, messageOf(issue));
  }
  return errors;
}

function add(errors: FieldErrors, path: readonly string[], message: string): void {
  const [field = "_schema", ...rest] = path;
  const here = Object.hasOwn(errors, field) ? errors[field] : undefined;
  if (rest.length === 0) {
    // Of a field that is wrong as a whole and in its parts, the first word counts.
    if (here === undefined) define(errors, field, [message]);
    else if (Array.isArray(here)) here.push(message);
    return;
  }
  if (Array.isArray(here)) return;
  const nested = here ?? {};
  define(errors, field, nested);
  add(nested, rest, message);
}

/** A field may be called `__proto__`. */
function define(errors: FieldErrors, field: string, value: string[] | FieldErrors): void {
  Object.defineProperty(errors, field, { value, enumerable: true, configurable: true, writable: true });
}

const TYPE_MESSAGES: Readonly<Record<string, string>> = {
  string: "Not a valid string.",
  number: "Not a valid integer.",
  boolean: "Not a valid boolean.",
  array: "Not a valid list.",
  record: "Not a valid mapping type.",
  strict_object: "Invalid input type.",
  object: "Invalid input type.",
};

function messageOf(issue: Issue): string {
  // A message of the schema's own is a sentence; valibot's begin with "Invalid".
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.expected === "never") return "Unknown field.";
  const atRoot = issue.path === undefined;
  if (issue.input === undefined && !atRoot) return "Missing data for required field.";
  if (issue.input === null && !atRoot) return "Field may not be null.";
  return TYPE_MESSAGES[issue.type] ?? issue.message;
}
