// The least that can hand requests to a function's handler, or answer them without one: argument, the bundle or `empty`.
import { createServer } from "node:http";

const [, , bundle] = process.argv;
const { handler } =
  bundle === "empty"
    ? { handler: async () => ({ statusCode: 200, headers: {}, body: "{}" }) }
    : await import(bundle);

createServer(async (request, response) => {
  const [rawPath, rawQueryString = ""] = request.url.split("?");
  const http = { method: request.method };
  const { statusCode, headers, body, isBase64Encoded } = await handler({
    version: "2.0",
    rawPath,
    rawQueryString,
    headers: request.headers,
    requestContext: { domainName: "localhost", http },
    isBase64Encoded: false,
  });
  response.writeHead(statusCode, headers).end(isBase64Encoded ? Buffer.from(body, "base64") : body);
}).listen(Number(process.env.IMS_PORT), "127.0.0.1");
