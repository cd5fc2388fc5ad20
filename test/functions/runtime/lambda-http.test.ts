import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { answerEvent, requestOf, resultOf } from "../../../functions/runtime/lambda-http.ts";

const event = (more: object = {}, http: object = {}, context: object = {}) => ({
  version: "2.0",
  rawPath: "/v3/images",
  rawQueryString: "",
  headers: { host: "ims.example" },
  requestContext: { domainName: "ims.example", http: { method: "GET", ...http }, ...context },
  isBase64Encoded: false,
  ...more,
});

describe("an event of payload format 2.0", () => {
  it("becomes a request with its path, query, headers and cookies as they came", () => {
    const request = requestOf(
      event({
        rawQueryString: "a=1&a=2&b=%20",
        cookies: ["x=1", "y=2"],
        headers: { accept: "text/plain,text/html" },
      }),
      [],
    );
    expect(request.url).toBe("https://ims.example/v3/images?a=1&a=2&b=%20");
    expect(request.headers.get("cookie")).toBe("x=1; y=2");
    expect(request.headers.get("accept")).toBe("text/plain,text/html");
  });

  it("brings bytes as base64 and text as it is", async () => {
    const bytes = Buffer.from([0, 255, 128]);
    const put = { method: "PUT" };
    const binary = requestOf(event({ body: bytes.toString("base64"), isBase64Encoded: true }, put), []);
    expect(Buffer.from(await binary.arrayBuffer())).toEqual(bytes);
    const text = requestOf(event({ body: '{"name": "é"}' }, { method: "POST" }), []);
    expect(text.headers.get("content-length")).toBe("14");
    expect(await text.json()).toEqual({ name: "é" });
  });

  it("says who is calling as AWS does, whatever the caller writes", () => {
    const arn = "arn:aws:sts::123456789012:assumed-role/ims-admin/session";
    const forged = { headers: { "x-ims-caller": "me", "x-ims-caller-role": "admin" } };
    expect(requestOf(event(forged), ["ims-admin"]).headers.get("x-ims-caller-role")).toBeNull();
    const context = (userArn: string) => ({ authorizer: { iam: { userArn } } });
    const roleOf = (userArn: string) =>
      requestOf(event(forged, {}, context(userArn)), ["ims-admin"]).headers.get("x-ims-caller-role");
    expect(roleOf(arn)).toBe("admin");
    expect(roleOf("arn:aws:iam::123456789012:user/team/ims-admin")).toBe("admin");
    expect(roleOf("arn:aws:sts::123456789012:assumed-role/other/ims-admin")).toBe("reader");
  });

  it("with a header that HTTP does not know is answered 400", async () => {
    const asked = event({ headers: { "x-name": "two\nlines" } });
    const refused = await answerEvent(asked, [], () => new Response("not reached"));
    expect(refused).toMatchObject({ statusCode: 400, body: expect.stringContaining("cannot be read") });
    expect(await answerEvent(event(), [], () => Response.json({}))).toMatchObject({ statusCode: 200 });
  });

  it("that is none is refused", () => {
    expect(() => requestOf({ source: "aws.events" }, [])).toThrow(/rawPath/u);
  });
});

describe("the result of an answer", () => {
  const asked = (headers: Record<string, string> = {}) => new Request("https://ims.example/", { headers });

  it("is text for JSON and base64 for everything else", async () => {
    const json = await resultOf(asked(), Response.json({ a: 1 }));
    expect(json).toMatchObject({ statusCode: 200, body: '{"a":1}', isBase64Encoded: false });
    const bytes = new Response(Buffer.from([0, 255]), { headers: { "content-type": "text/plain" } });
    expect(await resultOf(asked(), bytes)).toMatchObject({ body: "AP8=", isBase64Encoded: true });
  });

  it("has cookies of their own", async () => {
    const response = new Response(null, { status: 204 });
    response.headers.append("set-cookie", "a=1");
    response.headers.append("set-cookie", "b=2");
    expect(await resultOf(asked(), response)).toMatchObject({ cookies: ["a=1", "b=2"], headers: {} });
  });

  it("is compressed when it is large, or says that it is too large", async () => {
    const large = () => Response.json({ name: "x".repeat(5_000_000) });
    const compressed = await resultOf(asked({ "accept-encoding": "gzip" }), large());
    expect(compressed.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(Buffer.from(compressed.body, "base64")).toString()).name).toHaveLength(
      5_000_000,
    );
    const refused = await resultOf(asked(), large());
    expect(refused).toMatchObject({
      statusCode: 503,
      body: expect.stringContaining("Accept-Encoding: gzip"),
    });
  });
});
