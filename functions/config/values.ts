import * as v from "valibot";

export const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/u, "is not a whole number"),
    v.transform(Number),
    v.minValue(min, `is less than ${min}`),
    v.maxValue(max, `is more than ${max}`),
  );

export const bucket = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/u, "is not a bucket name"),
);
/** Separated by commas. */
export const bucketList = v.pipe(
  v.string(),
  v.transform((names) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  ),
  v.everyItem((name) => v.is(bucket, name), "is not a list of bucket names"),
);
export const text = v.pipe(v.string(), v.minLength(1, "is empty"));
export const url = v.pipe(
  v.string(),
  v.url("is not a URL"),
  v.regex(/^https?:\/\/.*[^/]$/u, "is not an http URL without a slash at the end"),
);
export const headerName = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.regex(/^[a-z0-9-]+$/u, "is not the name of a header"),
);
export const words = <const W extends readonly [string, ...string[]]>(all: W) =>
  v.picklist(all, `is none of ${all.join(", ")}`);

/** Separated by commas, each at most once, at least one; the order counts. */
export const wordList = <const W extends string>(all: readonly W[]) =>
  v.pipe(
    v.string(),
    v.transform((list) => list.split(",").map((word) => word.trim())),
    v.array(v.picklist(all, `names something else than ${all.join(", ")}`)),
    v.check((list) => new Set(list).size === list.length, "names one of them twice"),
  );

/** `name=number,...`: each name at most once; those that are not named keep what they have. */
export const numbersByName = <const Name extends string>(names: readonly Name[], min: number, max: number) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, Partial<Record<Name, number>>>(({ dataset, addIssue, NEVER }) => {
      const numbers: Partial<Record<Name, number>> = {};
      for (const entry of dataset.value.split(",").map((part) => part.trim())) {
        if (entry === "") continue;
        const [word, digits, ...rest] = entry.split("=");
        const name = names.find((known) => known === word);
        const number = v.safeParse(wholeNumber(min, max), digits);
        if (name === undefined || !number.success || rest.length > 0 || numbers[name] !== undefined) {
          addIssue({
            message: `is no list such as ${names[0]}=${min + 1}, with ${names.join(", ")} and ${min} to ${max}`,
          });
          return NEVER;
        }
        numbers[name] = number.output;
      }
      return numbers;
    }),
  );

/** `first-last`, both included. */
export const portRange = v.pipe(
  v.string(),
  v.regex(/^\d{1,5}-\d{1,5}$/u, "is no range of ports such as 30000-32767"),
  v.transform((range) => {
    const [first = 0, last = 0] = range.split("-").map(Number);
    return { first, last };
  }),
  v.check(
    ({ first, last }) => first >= 1 && first <= last && last <= 65_535,
    "is no range of ports such as 30000-32767",
  ),
);

/** Addresses that mean every one of a machine's. */
export const ANYWHERE = /^(?:0\.0\.0\.0|\[?::\]?|\*)$/u;
export const shellHost = v.pipe(
  text,
  v.regex(/^[\w.:-]{1,253}$/u, "is no name or address of a machine"),
  v.check(
    (host) => !ANYWHERE.test(host),
    "is no address that a client could connect to; name one of this machine's",
  ),
);
