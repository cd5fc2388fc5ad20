import { DomainError } from "../../core/errors.ts";
import type { Principal, Tokens } from "../../core/auth/tokens.ts";
import type { Role } from "./endpoint.ts";

/** Finds out who is calling. @throws `unauthenticated` or `forbidden` */
export interface Authenticator {
  authenticate(request: Request): Promise<Principal> | Principal;
}

export function bearerToken(request: Request): string | undefined {
  return /^Bearer +([\w.~+/=-]+)$/iu.exec(request.headers.get("authorization") ?? "")?.[1];
}

/** @throws `forbidden` when the principal may not do what the role is needed for. */
export function authorize(principal: Principal, role: Exclude<Role, "anyone" | "agent">): void {
  if (role === "admin" && principal.role !== "admin")
    throw new DomainError("forbidden", "This needs the role admin.");
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/iu;

/**
 * No authentication: everybody is an administrator, which is only for a service that listens on loopback. A web page
 * that the administrator looks at must not reach it either: neither by a name of its own that resolves to loopback
 * (DNS rebinding) nor by a request from another origin; ports of one host are one site to a browser.
 */
export function createOpenAuthenticator(): Authenticator {
  return {
    authenticate(request) {
      const host = request.headers.get("host") ?? new URL(request.url).host;
      const site = request.headers.get("sec-fetch-site") ?? "none";
      if (!LOOPBACK_HOST.test(host) || !["same-origin", "none"].includes(site))
        throw new DomainError(
          "forbidden",
          "Without authentication this service answers to loopback names only.",
        );
      return { name: "local", role: "admin" };
    },
  };
}

/** Static tokens, made by `ims token create`. */
export function createTokenAuthenticator(tokens: Pick<Tokens, "authenticate">): Authenticator {
  return { authenticate: (request) => tokens.authenticate(bearerToken(request)) };
}

export interface GatewayConfig {
  /** Header in which the proxy says who is calling; a request without it did not come through the proxy. */
  readonly userHeader: string;
  /** Header that says `reader` for callers who may only read; absent: everybody the proxy lets in is an administrator. */
  readonly roleHeader: string | undefined;
}

/** An authenticating proxy in front, which must remove these headers from what its own callers send. */
export function createGatewayAuthenticator({ userHeader, roleHeader }: GatewayConfig): Authenticator {
  return {
    authenticate({ headers }) {
      const user = headers.get(userHeader)?.trim() ?? "";
      if (user === "")
        throw new DomainError("unauthenticated", "This service is reached through its gateway.");
      const role = roleHeader === undefined ? "admin" : headers.get(roleHeader)?.trim();
      if (role !== "admin" && role !== "reader")
        throw new DomainError("forbidden", "The gateway gives no role that is known here.");
      return { name: `gateway:${user.slice(0, 100)}`, role };
    },
  };
}
