/** A repository that a package manager or debootstrap could not fetch from. */
export interface SilentRepository {
  /** Without credentials and query; of files, the repository they are in as far as the path tells. */
  readonly url: string;
  /** What came back instead, in the tool's words. */
  readonly answer?: string;
}

const LONGEST_ANSWER = 160;
const MOST = 5;

/** What tools say of a URL that did not answer: the URL, then the answer where there is one. */
const SAYINGS: readonly RegExp[] = [
  /[EW]: Failed to fetch (?<url>https?:\S+) +(?<answer>.+)/gu,
  /\bErr:\d+ (?<url>https?:\S+).*\n +(?<answer>.+)/gu,
  /Failed getting release file (?<url>https?:\S+)/gu,
  /Couldn't download (?<url>https?:\S+)/gu,
  /Curl error \(\d+\): (?<answer>.+?) for (?<url>https?:\S+)/gu,
  /Download \(curl\) error for '(?<url>https?:[^']+)':\s+Error code: .+\s+Error message: (?<answer>.+)/gu,
  /(?<answer>Timeout exceeded) when accessing '(?<url>https?:[^']+)'/gu,
  /File '[^']+' (?<answer>not found) on medium '(?<url>https?:[^']+)'/gu,
];
/** What fetches for debootstrap says why, but not of what. */
const ANONYMOUS =
  /failed: (Connection refused|Connection timed out|Network is unreachable|No route to host|(?:Temporary failure in n|N)ame (?:resolution|or service not known))|(unable to resolve host address)/u;

function repositoryOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, host, pathname } = new URL(address);
  const [path = ""] = pathname.split(/\/(?:dists|pool|repodata)(?:\/|$)/u);
  return `${protocol}//${host}${path.replace(/\/+$/u, "")}`;
}

function clean(answer: string): string {
  return answer
    .replaceAll(/\s+/gu, " ")
    .replace(/[.\s]+$/u, "")
    .slice(0, LONGEST_ANSWER);
}

function* sayings(text: string): Generator<{ readonly url: string; readonly answer: string | undefined }> {
  for (const pattern of SAYINGS)
    for (const { groups = {} } of text.matchAll(pattern)) {
      const url = repositoryOf(groups["url"] ?? "");
      if (url !== undefined) yield { url, answer: groups["answer"] };
    }
}

/** The repositories that did not answer, in the order in which they were missed, each with its first answer. */
export function silentRepositories(text: string): readonly SilentRepository[] {
  const found = new Map<string, string | undefined>();
  for (const { url, answer } of sayings(text)) found.set(url, found.get(url) ?? answer);
  const anonymous = ANONYMOUS.exec(text);
  const fallback = anonymous?.[1] ?? anonymous?.[2];
  return [...found].map(([url, answer = fallback]) =>
    answer === undefined ? { url } : { url, answer: clean(answer) },
  );
}

/** `url (answer)` of each, for a hint; `undefined` when none is known by name. */
export function nameRepositories(text: string): string | undefined {
  const all = silentRepositories(text);
  if (all.length === 0) return undefined;
  const shown = all
    .slice(0, MOST)
    .map(({ url, answer }) => (answer === undefined ? url : `${url} (${answer})`));
  return [...shown, ...(all.length > MOST ? [`${all.length - MOST} more`] : [])].join(", ");
}
