import { DomainError } from "../../core/errors.ts";
import type { Role } from "./endpoint.ts";

/** Who is calling, for the log: never a token. */
export interface Principal {
  readonly name: string;
  readonly role: "reader" | "admin";
}

/** Finds out who is calling. @throws `unauthenticated` or `forbidden` */
export interface Authenticator {
  authenticate(request: Request): Promise<Principal>;
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
 * (DNS rebinding) nor by a cross-site request.
 */
export function createOpenAuthenticator(): Authenticator {
  return {
    async authenticate(request) {
      const host = request.headers.get("host") ?? new URL(request.url).host;
      if (!LOOPBACK_HOST.test(host) || request.headers.get("sec-fetch-site") === "cross-site")
        throw new DomainError(
          "forbidden",
          "Without authentication this service answers to loopback names only.",
        );
      return { name: "local", role: "admin" };
    },
  };
}
