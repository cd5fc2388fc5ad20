import type { Principal } from "../../core/auth/tokens.ts";
import type { Signer } from "../../core/ports/signer.ts";

/**
 * Lets a client that one function has sent on to another in: HTTP clients leave their credentials behind when they are
 * sent to another host. A ticket is good for one path, to read it, and only for a moment.
 */
export interface Tickets {
  /** A URL's query parameter, without `?` or `&`. */
  readonly issue: (path: string) => string;
  /** Whom the request's ticket lets in; `undefined` without one that is good. */
  readonly admit: (request: Request) => Principal | undefined;
}

const NAME = "ticket";
const SECONDS = 60;

export function createTickets(signer: Signer, now: () => number): Tickets {
  const text = (path: string, expires: string) => JSON.stringify(["ims stream ticket 1", path, expires]);
  return {
    issue(path) {
      const expires = String(Math.floor(now() / 1000) + SECONDS);
      return `${NAME}=${expires}.${signer.sign(text(path, expires))}`;
    },
    admit({ url, method }) {
      const { pathname, searchParams } = new URL(url);
      const [, expires = "", signature = ""] =
        /^(\d{1,12})\.([\w-]+)$/u.exec(searchParams.get(NAME) ?? "") ?? [];
      if (signature === "" || !["GET", "HEAD"].includes(method)) return undefined;
      if (!signer.verify(text(pathname, expires), signature)) return undefined;
      return now() < Number(expires) * 1000 ? { name: NAME, role: "reader" } : undefined;
    },
  };
}
