import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import * as v from "valibot";
import type { OidcConfig } from "../../core/auth/oidc.ts";
import type { Principal } from "../../core/auth/tokens.ts";
import { DomainError } from "../../core/errors.ts";

/** Signatures by public keys only: never `none`, never a shared secret that a verifier could sign with. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
/** What jose says of a key server that does not answer, or not with keys. */
const UNREACHABLE = new Set<string>(["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC", "ERR_JWKS_INVALID"]);
const CLOCK_SKEW_SECONDS = 30;
const JWKS_TIMEOUT_MS = 5000;
/** Characters of the name that goes into every line of the log. */
const LONGEST_NAME = 100;

/**
 * Verifies JSON Web Tokens of one issuer (RFC 7519, RFC 9068). Keys are fetched when they are first needed, kept, and
 * fetched again when a token names one that is not known, as after a rotation.
 */
export function createOidcVerifier(config: OidcConfig): (token: string | undefined) => Promise<Principal> {
  const keys = createRemoteJWKSet(new URL(config.jwksUri), { timeoutDuration: JWKS_TIMEOUT_MS });
  return async (token) => {
    if (token === undefined) throw unauthenticated("Send an access token: Authorization: Bearer …");
    const payload = await verify(token);
    return {
      name: `oidc:${(payload.sub ?? "unknown").slice(0, LONGEST_NAME)}`,
      role: roleOf(payload, config),
    };
  };

  async function verify(token: string): Promise<JWTPayload> {
    try {
      const { issuer, audience } = config;
      const rules = {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SKEW_SECONDS,
        requiredClaims: ["exp"],
      };
      return (await jwtVerify(token, keys, rules)).payload;
    } catch (error) {
      if (!(error instanceof errors.JOSEError) || UNREACHABLE.has(error.code))
        throw new DomainError("unavailable", "The issuer's keys cannot be fetched now.", { cause: error });
      throw unauthenticated(`The access token is not accepted (${error.code}).`, error);
    }
  }
}

function unauthenticated(message: string, cause?: unknown): DomainError {
  return new DomainError("unauthenticated", message, { cause });
}

const Roles = v.array(v.string());

function roleOf(payload: JWTPayload, config: OidcConfig): Principal["role"] {
  let claim: unknown = payload;
  for (const name of config.rolesClaim.split(".")) claim = memberOf(claim, name);
  const roles = v.safeParse(Roles, claim);
  const held = roles.success ? roles.output : [];
  if (held.includes(config.adminRole)) return "admin";
  if (held.includes(config.readerRole)) return "reader";
  throw new DomainError(
    "forbidden",
    `The access token holds neither ${config.adminRole} nor ${config.readerRole}.`,
  );
}

function memberOf(value: unknown, name: string): unknown {
  const parsed = v.safeParse(v.record(v.string(), v.unknown()), value);
  return parsed.success && Object.hasOwn(parsed.output, name) ? parsed.output[name] : undefined;
}
