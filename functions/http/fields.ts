import * as v from "valibot";

/**
 * An object that has these members and no others. valibot's own strict object names the first unknown member and is
 * silent about the rest; clients are told all that is wrong at once (behaviour 11).
 */
export function members<const Entries extends v.ObjectEntries>(entries: Entries) {
  const strict = v.strictObject(entries);
  const schema: typeof strict = {
    ...strict,
    "~run"(dataset, config) {
      const input = dataset.value;
      const result = strict["~run"](dataset, config);
      const first = result.issues?.find(isUnknownMember);
      if (first !== undefined && typeof input === "object" && input !== null)
        for (const [key, value] of Object.entries(input))
          if (key !== first.input && !Object.hasOwn(entries, key))
            result.issues?.push({
              ...first,
              input: key,
              path: [{ type: "unknown", origin: "key", input, key, value }],
            });
      return result;
    },
  };
  return schema;
}

/** Of the object itself, not of one within it. */
function isUnknownMember(issue: v.BaseIssue<unknown>): boolean {
  return issue.expected === "never" && issue.path?.length === 1 && issue.path[0].origin === "key";
}

/** A string that must not be empty; `name` is the field's, for the message clients know (behaviour 23). */
export const notBlank = (name: string) =>
  v.pipe(v.string(), v.minLength(1, `${name} field must not be blank`));

/** For schemas that would say their own message of a value that is missing or null, which have words of their own. */
const unlessAbsent = (message: string) => (issue: v.BaseIssue<unknown>) =>
  issue.input === undefined || issue.input === null ? "Invalid type" : message;

const TRUE = ["true", "yes", "y", "on", "t", "1"];
const FALSE = ["false", "no", "n", "off", "f", "0"];

/** A pattern for one of these words in any case: JSON Schema's have no flag for that. */
function anyCase(words: readonly string[]): string {
  const letters = (word: string) =>
    word.replaceAll(/[a-z]/gu, (letter) => `[${letter}${letter.toUpperCase()}]`);
  return `^(?:${words.map(letters).join("|")})$`;
}

/** true, false, 1, 0 and words such as "yes" and "off", in any case (behaviour 12). */
export const lenientBoolean = v.pipe(
  v.union([v.boolean(), v.number(), v.string()], unlessAbsent("Not a valid boolean.")),
  v.metadata({
    anyOf: [{ type: "boolean" }, { enum: [0, 1] }, { type: "string", pattern: anyCase([...TRUE, ...FALSE]) }],
  }),
  v.rawTransform<boolean | number | string, boolean>(({ dataset, addIssue, NEVER }) => {
    const word = String(dataset.value).toLowerCase();
    if (TRUE.includes(word)) return true;
    if (FALSE.includes(word)) return false;
    addIssue({ message: "Not a valid boolean." });
    return NEVER;
  }),
);

/** A whole number of at least 1; numeric strings count and fractions are cut off (behaviour 12, 136). */
export const lenientPositiveInteger = (name: string) =>
  v.pipe(
    v.union(
      [v.number(), v.pipe(v.string(), v.regex(/^[+-]?\d{1,15}$/u, "Not a valid integer."))],
      unlessAbsent("Not a valid integer."),
    ),
    v.metadata({
      anyOf: [
        { type: "number", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
        { type: "string", pattern: "^\\+?(?=\\d{1,15}$)0*[1-9]\\d*$" },
      ],
    }),
    v.transform((value) => Math.trunc(Number(value))),
    v.safeInteger("Not a valid integer."),
    v.minValue(1, `${name} must be greater than or equal to 1.`),
  );

/** A UUID in any case, dashes optional; normalised (behaviour 134). */
export const lenientUuid = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/iu, "Not a valid UUID."),
  v.transform((text) =>
    text
      .toLowerCase()
      .replaceAll("-", "")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5"),
  ),
);

/** One of these words, exactly. */
export function oneOf<const Words extends readonly [string, ...string[]]>(
  words: Words,
  label = "Must be one of",
) {
  return v.picklist(words, unlessAbsent(`${label}: ${words.join(", ")}.`));
}

/** Names that JavaScript gives a meaning of its own: as keys of a map they would be lost, or worse, on the way. */
const RESERVED_KEYS: readonly unknown[] = ["__proto__", "constructor", "prototype"];
export const RESERVED_KEY = `A key is none of ${RESERVED_KEYS.join(", ")}.`;
export const isReservedKey = (key: unknown): boolean => RESERVED_KEYS.includes(key);

/** A key of a map that clients fill. */
export const mapKey = v.pipe(
  v.string(),
  v.check((key) => !isReservedKey(key), RESERVED_KEY),
  v.metadata({ not: { enum: RESERVED_KEYS } }),
);

/** Of a query parameter that is given several times, the first counts. */
export const firstOf = v.pipe(
  v.array(v.string()),
  v.transform(([first]) => first ?? ""),
  v.string(),
);

/** A JSON object of any members; valibot's own would take a list for one. */
export const mapping = v.custom<Record<string, unknown>>(
  (input) => typeof input === "object" && input !== null && !Array.isArray(input),
  unlessAbsent("Not a valid mapping type."),
);
