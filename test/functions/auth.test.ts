import { createServer } from "node:http";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { createOidcVerifier } from "../../adapters/auth/oidc.ts";
import { agentToken } from "../../core/jobs/agent-tokens.ts";
import { createTokens } from "../../core/auth/tokens.ts";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import {
  bearerToken,
  createGatewayAuthenticator,
  createTokenAuthenticator,
} from "../../functions/http/auth.ts";
import { pathsOf } from "../../functions/http/endpoint.ts";
import { createTestService, type TestService } from "../support/ims.ts";

const withTokens = () => createTestService({}, {}, (ports) => createTokenAuthenticator(createTokens(ports)));
const unknown = (path: string) => path.replaceAll(/\{\w+\*?\}/gu, "unknown");
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const UNAUTHENTICATED = 401;

/** Visits every path of every endpoint with these headers, and answers those that are not refused as they should be. */
async function walk(
  service: TestService,
  headers: Record<string, string>,
  refusal: (role: string) => number | undefined,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const endpoint of ENDPOINTS)
    for (const path of pathsOf(endpoint)) {
      const { status } = await service.call(endpoint.method.toUpperCase(), unknown(path), undefined, headers);
      const refused = refusal(endpoint.role);
      const opened = ![401, 403].includes(status) || path.startsWith("/signed");
      const right = refused === undefined ? opened : status === refused;
      if (!right) wrong.push(`${endpoint.method} ${path} for ${endpoint.role}: ${status}`);
    }
  return wrong;
}

describe("static tokens", () => {
  it("open what their role may do, everywhere, and nothing else", async () => {
    const service = withTokens();
    const tokens = createTokens(service.ports);
    const [admin, reader] = [await tokens.create("a", "admin"), await tokens.create("r", "reader")];
    expect(
      await walk(service, bearer(admin), (role) => (role === "agent" ? UNAUTHENTICATED : undefined)),
    ).toEqual([]);
    expect(
      await walk(service, bearer(reader), (role) => ({ admin: 403, agent: UNAUTHENTICATED })[role]),
    ).toEqual([]);
  });

  it("are needed everywhere but where anyone may call: without one, or with a wrong one, nothing opens", async () => {
    const service = withTokens();
    const tokens = createTokens(service.ports);
    const foreign = await createTokens(withTokens().ports).create("x", "admin");
    const own = await tokens.create("a", "admin");
    const revoked = await tokens.create("r", "admin");
    await tokens.revoke((await tokens.list()).at(-1)?.id ?? "");
    const job = agentToken(service.ports.signer, {
      jobId: "46a2731e-a1d0-4f98-ba92-4f78c756bb12",
      attempt: 1,
    });
    const none = new UnsecuredJWT({ sub: "me" }).encode();
    const headers = [
      {},
      ...[foreign, revoked, `${own}x`, own.slice(0, -1), job, none, "x"].map(bearer),
      { authorization: "Basic YTpi" },
    ];
    for (const header of headers)
      expect(
        await walk(service, header, (role) => (role === "anyone" ? undefined : UNAUTHENTICATED)),
      ).toEqual([]);
  });

  it("are kept so that the store does not give them away, and never logged", async () => {
    const service = withTokens();
    const token = await createTokens(service.ports).create("ops", "admin");
    const secret = token.split(".")[2] ?? "";
    await service.call("GET", "/v3/images", undefined, bearer(token));
    const stored = JSON.stringify((await service.ports.records.list("token")).records);
    expect(secret).toHaveLength(43);
    expect(stored + JSON.stringify(service.events)).not.toContain(secret);
    expect(service.events).toContainEqual(expect.objectContaining({ event: "request", who: "token:ops" }));
  });
});

describe("a gateway in front", () => {
  const service = () =>
    createTestService({}, {}, () =>
      createGatewayAuthenticator({ userHeader: "x-user", roleHeader: "x-role" }),
    );

  it("says who is calling and what they may do", async () => {
    expect(
      await walk(
        service(),
        { "x-user": "me", "x-role": "reader" },
        (role) => ({ admin: 403, agent: UNAUTHENTICATED })[role],
      ),
    ).toEqual([]);
    expect(
      await walk(
        service(),
        { "x-user": "me", "x-role": "admin" },
        (role) => ({ agent: UNAUTHENTICATED })[role],
      ),
    ).toEqual([]);
  });

  it.each([
    [{}, 401],
    [{ "x-role": "admin" }, 401],
    [{ "x-user": " " }, 401],
    [{ "x-user": "me" }, 403],
    [{ "x-user": "me", "x-role": "root" }, 403],
  ])("answers %j with %i", async (headers, status) => {
    expect((await service().get("/v3/images", headers)).status).toBe(status);
  });

  it("lets everybody be an administrator when it tells no roles (behaviour 202)", async () => {
    const open = createTestService({}, {}, () =>
      createGatewayAuthenticator({ userHeader: "x-user", roleHeader: undefined }),
    );
    expect((await open.call("DELETE", "/v3/images", undefined, { "x-user": "me" })).status).toBe(204);
  });
});

describe("OpenID Connect", () => {
  const rules = { issuer: "https://issuer.example", audience: "ims" };
  let first: CryptoKeyPair & { kid: string };
  let second: CryptoKeyPair & { kid: string };

  beforeAll(async () => {
    first = { ...(await generateKeyPair("RS256")), kid: "first" };
    second = { ...(await generateKeyPair("RS256")), kid: "second" };
  });

  async function issuer(...published: (CryptoKeyPair & { kid: string })[]) {
    const state = { published, requests: 0, broken: false };
    const keySet = async () => ({
      keys: await Promise.all(
        state.published.map(async ({ publicKey, kid }) => ({
          ...(await exportJWK(publicKey)),
          kid,
          alg: "RS256",
        })),
      ),
    });
    const server = createServer((_, response) => {
      state.requests += 1;
      if (state.broken) response.writeHead(500).end();
      else
        void keySet().then((set) =>
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(set)),
        );
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => {
      server.once("listening", resolve);
    });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const names = { rolesClaim: "realm_access.roles", adminRole: "ims-admin", readerRole: "ims-reader" };
    const verify = createOidcVerifier({ ...rules, ...names, jwksUri: `http://127.0.0.1:${port}/keys` });
    const service = createTestService({}, {}, () => ({
      authenticate: (request) => verify(bearerToken(request)),
    }));
    return { state, service };
  }

  const now = () => Math.floor(Date.now() / 1000);
  const token = (key: CryptoKeyPair & { kid: string }, change: JWTPayload = {}) =>
    new SignJWT({
      iss: rules.issuer,
      aud: rules.audience,
      sub: "me",
      exp: now() + 60,
      realm_access: { roles: ["ims-admin"] },
      ...change,
    })
      .setProtectedHeader({ alg: "RS256", kid: key.kid })
      .sign(key.privateKey);

  it("opens to each what the roles of the token allow, fetching the keys once", async () => {
    const { service, state } = await issuer(first);
    const reader = await token(first, { realm_access: { roles: ["other", "ims-reader"] } });
    expect(
      await walk(service, bearer(await token(first)), (role) => ({ agent: UNAUTHENTICATED })[role]),
    ).toEqual([]);
    expect(
      await walk(service, bearer(reader), (role) => ({ admin: 403, agent: UNAUTHENTICATED })[role]),
    ).toEqual([]);
    expect(state.requests).toBe(1);
    expect(service.events).toContainEqual(expect.objectContaining({ who: "oidc:me" }));
  });

  it("refuses tokens that are missing, expired, not yet valid, foreign, unsigned or signed otherwise", async () => {
    const { service } = await issuer(first);
    const hs256 = await new SignJWT({ iss: rules.issuer, aud: rules.audience, exp: now() + 60 })
      .setProtectedHeader({ alg: "HS256", kid: "first" })
      .sign(new TextEncoder().encode("x".repeat(32)));
    const wrong = [
      "",
      "not.a.token",
      await token(first, { exp: now() - 60 }),
      await token(first, { nbf: now() + 60 }),
      await token(first, { iss: "https://other.example" }),
      await token(first, { aud: "other" }),
      await token({ ...second, kid: "first" }),
      new UnsecuredJWT({ iss: rules.issuer, aud: rules.audience, exp: now() + 60 }).encode(),
      hs256,
    ];
    for (const text of wrong)
      expect(
        await walk(service, bearer(text), (role) => (role === "anyone" ? undefined : UNAUTHENTICATED)),
      ).toEqual([]);
    expect((await service.get("/v3/images", bearer(await token(first, { realm_access: {} })))).status).toBe(
      403,
    );
    expect((await service.get("/v3/images", bearer(await token(first, { exp: now() - 10 })))).status).toBe(
      200,
    );
  });

  it("takes keys that the issuer has changed to, and no longer those that it has withdrawn", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const { service, state } = await issuer(first);
    const status = async (key: typeof first) =>
      (await service.get("/v3/images", bearer(await token(key)))).status;
    expect([await status(first), await status(second)]).toEqual([200, 401]);
    state.published = [second];
    vi.setSystemTime(Date.now() + 60_000);
    expect([await status(second), await status(first)]).toEqual([200, 401]);
    state.published = [first];
    vi.setSystemTime(Date.now() + 20 * 60_000);
    expect([await status(second), await status(first)]).toEqual([401, 200]);
  });

  it("answers 503 while the keys cannot be fetched", async () => {
    const { service, state } = await issuer(first);
    state.broken = true;
    expect((await service.get("/v3/images", bearer(await token(first)))).status).toBe(503);
  });
});
