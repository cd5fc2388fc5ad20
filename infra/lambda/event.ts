import type { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";

/** AWS hands at most so much to a function, and takes no more from it: the event and the result as JSON. */
export const MOST_PAYLOAD_BYTES = 6 * 1024 ** 2;

/** Content types whose bytes AWS hands on as text; everything else is base64. */
const TEXT = /^(?:text\/|application\/(?:json|javascript|xml|x-www-form-urlencoded)\b|.*\+(?:json|xml)\b)/iu;

/** An event of payload format 2.0, as an HTTP API and a function URL make it. */
export function eventOf(request: IncomingMessage, body: Buffer, userArn: string | undefined) {
  const { headers } = request;
  const url = new URL(request.url ?? "/", "http://localhost");
  const { cookie, ...others } = headers;
  const isText = TEXT.test(headers["content-type"] ?? "");
  const query = queryOf(url);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; */u) }),
    headers: Object.fromEntries(
      Object.entries(others).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]),
    ),
    ...(Object.keys(query).length === 0 ? {} : { queryStringParameters: query }),
    requestContext: contextOf(request, url, userArn),
    ...(body.length === 0 ? {} : { body: body.toString(isText ? "utf8" : "base64") }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function contextOf(request: IncomingMessage, { pathname }: URL, userArn: string | undefined) {
  const { method = "GET", headers } = request;
  return {
    accountId: "123456789012",
    apiId: "local",
    domainName: headers.host ?? "localhost",
    domainPrefix: "local",
    requestId: randomUUID(),
    routeKey: "$default",
    stage: "$default",
    time: new Date().toISOString(),
    timeEpoch: Date.now(),
    ...(userArn === undefined ? {} : { authorizer: { iam: { userArn } } }),
    http: {
      method,
      path: pathname,
      protocol: "HTTP/1.1",
      sourceIp: request.socket.remoteAddress ?? "127.0.0.1",
      userAgent: headers["user-agent"] ?? "",
    },
  };
}

/** Values of one name are joined. */
function queryOf({ searchParams }: URL): Record<string, string> {
  const names = new Set(searchParams.keys());
  return Object.fromEntries([...names].map((name) => [name, searchParams.getAll(name).join(",")]));
}
