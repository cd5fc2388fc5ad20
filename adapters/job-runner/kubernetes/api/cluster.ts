import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { DomainError } from "../../../../core/errors.ts";
import type { ApiAnswer, ApiRequest, ApiServer } from "./api-server.ts";
import { AnyObject, Status, understood } from "./views.ts";

/** What a job is made of, by the names that the API has for them. */
export const KINDS = {
  jobs: "/apis/batch/v1",
  pods: "/api/v1",
  configmaps: "/api/v1",
  secrets: "/api/v1",
  services: "/api/v1",
  persistentvolumeclaims: "/api/v1",
  events: "/api/v1",
  destinationrules: "/apis/networking.istio.io/v1beta1",
} as const;
export type Kind = keyof typeof KINDS;

export interface Listing {
  readonly items: readonly unknown[];
  /** From where a watch sees everything that came later. */
  readonly resourceVersion: string;
}

export interface Removal {
  /** `Foreground`: it stays, marked as deleted, until everything that it owns is gone. */
  readonly propagation?: "Foreground" | "Background";
  readonly graceSeconds?: number;
  /** Only this very object, and none that was made since under the same name. */
  readonly uid?: string;
}

/**
 * The objects of one namespace. Calls are repeated for some seconds while the server is out of reach or overloaded;
 * all of them are safe to repeat. Errors: `unavailable`, with the server's own words.
 */
export interface Cluster {
  readonly namespace: string;
  /** `undefined` when there is one of this name. `dryRun`: the server does everything but keep it. */
  create(kind: Kind, body: unknown, options?: { readonly dryRun?: boolean }): Promise<AnyObject | undefined>;
  /** `undefined` when there is none; `namespace`: instead of this one. */
  read(kind: Kind, name: string, namespace?: string): Promise<unknown>;
  /** All pages. `metadata`: nothing but metadata, which is less to send and needs no look at secrets. */
  list(kind: Kind, query: ListQuery): Promise<Listing>;
  /** What is not there is fine. */
  remove(kind: Kind, name: string, removal?: Removal): Promise<void>;
  /** A merge patch. `undefined` when there is none of this name. */
  merge(kind: Kind, name: string, patch: unknown): Promise<AnyObject | undefined>;
  /** One try, for as long as it lasts. The caller parses the lines. */
  watch(kind: Kind, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<ApiAnswer>;
}

export interface ListQuery {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly metadata?: boolean;
}

const REQUEST_MILLISECONDS = 10_000;
const PATIENCE_MILLISECONDS = 12_000;
const PAGE = "500";
const MERGE_PATCH = "application/merge-patch+json";
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

const Page = v.object({
  metadata: v.object({ resourceVersion: v.optional(v.string(), ""), continue: v.optional(v.string(), "") }),
  items: v.nullish(v.array(v.unknown()), []),
});

export function createCluster(server: ApiServer, namespace: string): Cluster {
  const pathOf = (kind: Kind, name?: string, where = namespace): string =>
    `${KINDS[kind]}/namespaces/${encodeURIComponent(where)}/${kind}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
  const ask = (request: Omit<ApiRequest, "signal">): Promise<Answered> => persistently(server, request);

  return {
    namespace,
    async create(kind, body, { dryRun = false } = {}) {
      const query = dryRun ? { dryRun: "All" } : {};
      const answer = await ask({ method: "POST", path: pathOf(kind), body, query });
      return answer.status === 409 ? undefined : understood(AnyObject, content(answer));
    },
    async read(kind, name, where) {
      const answer = await ask({ method: "GET", path: pathOf(kind, name, where) });
      return answer.status === 404 ? undefined : content(answer);
    },
    list: (kind, query) => listAll(ask, pathOf(kind), query),
    async remove(kind, name, { propagation = "Background", graceSeconds, uid } = {}) {
      const body = {
        kind: "DeleteOptions",
        apiVersion: "v1",
        propagationPolicy: propagation,
        ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      };
      const answer = await ask({ method: "DELETE", path: pathOf(kind, name), body });
      // 409: another one has the name by now.
      if (answer.status !== 404 && answer.status !== 409) content(answer);
    },
    async merge(kind, name, patch) {
      const answer = await ask({
        method: "PATCH",
        path: pathOf(kind, name),
        body: patch,
        contentType: MERGE_PATCH,
      });
      // 409: another one has the name by now.
      const gone = answer.status === 404 || answer.status === 409;
      return gone ? undefined : understood(AnyObject, content(answer));
    },
    watch: (kind, query, signal) =>
      server.send({ method: "GET", path: pathOf(kind), query: { watch: "true", ...query }, signal }),
  };
}

async function listAll(
  ask: (request: Omit<ApiRequest, "signal">) => Promise<Answered>,
  path: string,
  { metadata = false, ...selectors }: ListQuery,
): Promise<Listing> {
  const items: unknown[] = [];
  let next = "";
  for (;;) {
    const query = { ...selectors, limit: PAGE, ...(next === "" ? {} : { continue: next }) };
    const answer = await ask({ method: "GET", path, query, ...(metadata ? { accept: METADATA_ONLY } : {}) });
    // A list that took too long to be read to its end begins anew.
    if (answer.status === 410 && next !== "") {
      items.length = 0;
      next = "";
      continue;
    }
    const page = understood(Page, content(answer));
    items.push(...page.items);
    next = page.metadata.continue;
    if (next === "") return { items, resourceVersion: page.metadata.resourceVersion };
  }
}

interface Answered {
  readonly status: number;
  readonly body: unknown;
}

/** Of a server that is being restarted, or has too much to do. */
const TRANSIENT: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

async function persistently(server: ApiServer, request: Omit<ApiRequest, "signal">): Promise<Answered> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  for (let pause = 100; ; pause = Math.min(pause * 2, 2000)) {
    const outcome = await once(server, request);
    const again = "failure" in outcome || TRANSIENT.has(outcome.status);
    if (!again || performance.now() + pause > deadline) {
      if ("failure" in outcome) throw outOfReach(outcome.failure);
      return outcome;
    }
    await delay(pause * (0.5 + Math.random()));
  }
}

async function once(
  server: ApiServer,
  request: Omit<ApiRequest, "signal">,
): Promise<Answered | { readonly failure: unknown }> {
  try {
    const answer = await server.send({ ...request, signal: AbortSignal.timeout(REQUEST_MILLISECONDS) });
    return { status: answer.status, body: parsed(await answer.text()) };
  } catch (failure) {
    return { failure };
  }
}

function parsed(text: string): unknown {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson()), text);
  return result.success ? result.output : { message: text.trim().slice(0, 300) };
}

/** What the server answered. @throws `unavailable` when it did not do what was asked */
function content({ status, body }: Answered): unknown {
  if (status >= 200 && status < 300) return body;
  const said = v.is(Status, body) ? understood(Status, body).message : undefined;
  throw new DomainError(
    "unavailable",
    `Kubernetes says: ${said ?? `status ${status}`}.`.replace(/\.\.$/u, "."),
  );
}

function outOfReach(cause: unknown): DomainError {
  return new DomainError("unavailable", `Kubernetes does not answer: ${innermost(cause)}.`, { cause });
}

/** fetch wraps what happened. */
function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? innermost(error.cause) : error.message;
}
