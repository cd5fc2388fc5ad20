import type * as v from "valibot";
import type { AgentIdentity } from "../../core/jobs/agent-tokens.ts";
import type { Json } from "../../core/json.ts";
import type { Ims } from "../../core/ims.ts";
import type { Artifacts, ByteRange } from "../../core/ports/artifacts.ts";
import type { PartReceiver } from "../../core/ports/upload-sessions.ts";
import type { SignedUrlVerifier } from "../../core/ports/signed-urls.ts";

/** Who may call. `agent` is the agent of the very job that the path names; nothing is open unless it says `anyone`. */
export type Role = "anyone" | "reader" | "admin" | "agent";
export type Method = "get" | "post" | "put" | "patch" | "delete";

/** `{name}` is a segment, `{name*}` the rest of the path. */
type ParameterNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${infer Bare}*` ? Bare : Name) | ParameterNames<Rest>
  : never;

/** Path parameters are plain strings, compared exactly (behaviour 13). */
export type Params<Path extends string> = Readonly<Record<ParameterNames<Path>, string>>;

type Schema = v.GenericSchema | undefined;
type Output<S extends Schema> = S extends v.GenericSchema ? v.InferOutput<S> : undefined;
/** What `run` may answer: readonly views of what the schema takes in. */
type Answer<S extends Schema> = S extends v.GenericSchema ? Frozen<v.InferInput<S>> : void;
type Frozen<T> = T extends (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

type Answered<S extends Schema> = Answer<S> | Json<Answer<S>> | Download | EventStream;

/** Bytes to send: whole, or the part that the client asked for. */
export interface Download {
  readonly size: number;
  /** Without quotes. Absent for what still grows. */
  readonly etag?: string;
  readonly contentType: string;
  /** Extra headers, such as digests. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly read: (
    range: ByteRange | undefined,
  ) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>;
  /** A URL where the same bytes can be had, for a deployment that does not carry them itself. */
  readonly elsewhere?: () => Promise<string>;
}

/** One of Server-Sent Events. */
export interface ServerEvent {
  readonly event: string;
  /** From where a client goes on whose connection was lost; absent: as the event before. */
  readonly id?: string;
  /** Lines of text; bytes in UTF-8. */
  readonly data: string | Uint8Array;
}

/** Events to send as they come; absent when none will ever come. */
export interface EventStream {
  readonly events: AsyncIterable<ServerEvent> | undefined;
}

/** Bytes that arrive, and what the client says of them. */
export interface Upload {
  /** A chunk is only lent until the next one is asked for: copy what is to be kept. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly contentType: string | undefined;
  readonly expect: { readonly size?: number; readonly md5?: string; readonly sha256?: string };
  /** `x-amz-meta-*` headers, without the prefix. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Call<Path extends string, Query extends Schema, Body extends Schema> {
  readonly ims: Ims;
  readonly services: Services;
  readonly params: Params<Path>;
  readonly query: Output<Query>;
  readonly body: Output<Body>;
  readonly upload: Upload;
  /** Of a client that goes on with the events it has begun with. */
  readonly lastEventId: string | undefined;
  readonly agent: AgentIdentity;
  /** Adds a header to the answer, one of `answerHeaders`. */
  readonly header: (name: string, value: string) => void;
}

/** Things beside the domain that a few endpoints serve. */
export interface Services {
  readonly version: string;
  /** The OpenAPI document, loaded when somebody asks. */
  readonly openapi: () => Promise<unknown>;
  readonly signedUrls: SignedUrlVerifier;
  readonly artifacts: Artifacts;
  readonly parts: PartReceiver;
}

/** The content type of answers that have the one with which their object was stored. */
export const STORED_TYPE = "*/*";

export type Access = "read" | "write";

/** What an endpoint needs of the world. A function that serves it alone gets no more: neither adapters nor rights. */
export interface Uses {
  readonly records?: Access;
  /** Recipes, images and uploads, and their signed URLs. */
  readonly objects?: Access;
  readonly logs?: Access;
  /** May launch or end jobs at once, rather than leave it to whoever looks at the jobs next. */
  readonly jobs?: true;
}

interface Common<Path extends string, Query extends Schema> {
  /** operationId: clients generate commands from it. */
  readonly operation: string;
  readonly summary: string;
  /** What the summary does not say and callers should know. Markdown. */
  readonly description?: string;
  readonly tag: string;
  readonly method: Method;
  readonly path: Path;
  /** Other paths of the same endpoint, with the same parameters. */
  readonly aliases?: readonly string[];
  readonly role: Role;
  readonly uses: Uses;
  readonly query?: Query;
  /** Problems this endpoint may answer beside those that all may. */
  readonly problems?: readonly number[];
  /** Headers that the answer may have, with what they say. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** Kept out of the published description: not for people. */
  readonly internal?: boolean;
}

export interface Definition<
  Path extends string = string,
  Query extends Schema = Schema,
  Body extends Schema = Schema,
  Returns extends Schema = Schema,
> extends Common<Path, Query> {
  readonly body?: Body;
  /** Takes bytes of any type instead of JSON. */
  readonly takesBytes?: { readonly description: string };
  readonly returns?: Returns;
  /** Answers bytes instead of JSON, whole or a range of them. */
  readonly answersBytes?: {
    readonly contentType: string;
    readonly description: string;
    /** Where separate functions send clients on to. */
    readonly redirects?: string;
  };
  /** Beside bytes: events, for those who ask to follow. */
  readonly answersEvents?: { readonly description: string };
  readonly status: 200 | 201 | 204;
  /** Throws `not-found` when what the path names does not exist: found out before the body is looked at (behaviour 14). */
  exists?(call: Pick<Call<Path, Query, Body>, "ims" | "params">): Promise<unknown>;
  // A method, not a property: its parameter then compares bivariantly, so that every definition is an `Endpoint`.
  run(call: Call<Path, Query, Body>): Promise<Answered<Returns>> | Answered<Returns>;
}

/** An endpoint as data: the router, the OpenAPI document and the tests that visit every endpoint all read it. */
export type Endpoint = Definition;

/** Describes one operation; the types of path, query and body reach `run`. */
export function endpoint<
  const Path extends string,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
  Returns extends Schema = undefined,
>(definition: Definition<Path, Query, Body, Returns>): Endpoint {
  return definition;
}

/** Paths under which every endpoint is served: as is, and behind the API gateway's prefix. */
export const PREFIXES = ["", "/apis/ims"] as const;

export function pathsOf(endpoint: Endpoint): readonly string[] {
  return [endpoint.path, ...(endpoint.aliases ?? [])];
}
