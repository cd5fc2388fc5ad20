import type { Principal } from "../../core/auth/tokens.ts";
import { DomainError } from "../../core/errors.ts";

/** What stands between clients and an endpoint, where that carries less than HTTP does. Absent: everything is carried. */
export interface Carriage {
  /** Of a request's body. */
  readonly maxRequestBytes: number;
  /** Of an answer's body; absent where answers are sent as they come, of any size. */
  readonly maxAnswerBytes?: number;
  /** Where the same endpoints send answers as they come, and what lets a client in there. */
  readonly stream?: { readonly url: string; readonly ticket: (path: string) => string };
  /** Whom another carriage has sent here. */
  readonly admits?: (request: Request) => Principal | undefined;
}

/** @throws `too-large` for a body that is announced to have more than is carried. */
export function refuseLarge({ headers }: Request, carriage: Carriage | undefined): void {
  if (carriage !== undefined && Number(headers.get("content-length") ?? 0) > carriage.maxRequestBytes)
    throw tooLarge(carriage);
}

/** The same bytes. @throws `too-large` when there are more than are carried. */
export async function* carried(
  bytes: AsyncIterable<Uint8Array>,
  carriage: Carriage,
): AsyncIterable<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > carriage.maxRequestBytes) throw tooLarge(carriage);
    yield chunk;
  }
}

function tooLarge({ maxRequestBytes }: Carriage): DomainError {
  return new DomainError(
    "too-large",
    `This deployment takes at most ${maxRequestBytes} bytes in one request. Open an upload in parts instead ` +
      "(POST /v3/uploads): its parts go to the object store, by the URLs that it answers.",
  );
}

/** Where an answer goes that cannot be carried here. */
export function redirection(location: string, headers: Headers = new Headers()): Response {
  const all = new Headers({ location, "cache-control": "no-store" });
  for (const name of ["etag", "repr-digest"]) {
    const value = headers.get(name);
    if (value !== null) all.set(name, value);
  }
  return new Response(null, { status: 307, headers: all });
}

/** The same request where answers are sent as they come. @throws `bad-request` when there is no such place. */
export function toStream(request: Request, { stream }: Carriage, advice: string): Response {
  if (stream === undefined) throw new DomainError("bad-request", advice);
  const { pathname, search } = new URL(request.url);
  const query = `${search === "" ? "?" : `${search}&`}${stream.ticket(pathname)}`;
  return redirection(stream.url + pathname + query);
}
