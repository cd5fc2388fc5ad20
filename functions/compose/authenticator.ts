import { createTokens, type TokenPorts } from "../../core/auth/tokens.ts";
import type { AuthConfig } from "../config.ts";
import {
  type Authenticator,
  bearerToken,
  createGatewayAuthenticator,
  createOpenAuthenticator,
  createTokenAuthenticator,
} from "../http/auth.ts";

/** What verifies signatures is loaded only where it is used. */
export async function openAuthenticator(auth: AuthConfig, ports: TokenPorts): Promise<Authenticator> {
  switch (auth.kind) {
    case "none":
      return createOpenAuthenticator();
    case "token":
      return createTokenAuthenticator(createTokens(ports));
    case "gateway":
      return createGatewayAuthenticator(auth);
    case "oidc": {
      const verify = (await import("../../adapters/auth/oidc.ts")).createOidcVerifier(auth);
      return { authenticate: (request) => verify(bearerToken(request)) };
    }
  }
}
