import { describe, expect, it } from "vitest";
import { readParameter } from "../../../adapters/aws/parameter.ts";
import { createCalls as recordsCalls } from "../../../adapters/records/dynamodb/calls.ts";
import { createCalls as objectsCalls } from "../../../adapters/artifacts/s3/calls.ts";
import { httpServer } from "../../support/http-server.ts";

const store = (endpoint: string) => ({
  region: "eu-central-1",
  endpoint,
  accessKeyId: "a",
  secretAccessKey: "b",
  sessionToken: "c",
});

describe("a parameter of Systems Manager", () => {
  it("is asked for by name, decrypted and signed", async () => {
    const asked: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
    const endpoint = await httpServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        asked.push({ headers: request.headers, body });
        response.end(JSON.stringify({ Parameter: { Name: "/ims/secret", Value: "the secret" } }));
      });
    });
    expect(await readParameter("/ims/secret", store(endpoint))).toBe("the secret");
    expect(asked).toHaveLength(1);
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ Name: "/ims/secret", WithDecryption: true });
    expect(asked[0]?.headers).toMatchObject({
      "x-amz-target": "AmazonSSM.GetParameter",
      "x-amz-security-token": "c",
      authorization: expect.stringMatching(/Credential=a\/\d{8}\/eu-central-1\/ssm\/aws4_request/u),
    });
  });

  it("that cannot be read is named with the reason", async () => {
    const refusing = await httpServer((_, response) =>
      response.writeHead(400).end(JSON.stringify({ __type: "com.amazonaws.ssm#ParameterNotFound" })),
    );
    await expect(readParameter("/ims/secret", store(refusing))).rejects.toThrow(
      "The parameter /ims/secret cannot be read: ParameterNotFound.",
    );
    const empty = await httpServer((_, response) => response.end("{}"));
    await expect(readParameter("/ims/secret", store(empty))).rejects.toThrow("the answer has no value");
    await expect(readParameter("/ims/secret", store("http://127.0.0.1:1"))).rejects.toThrow(
      "Systems Manager does not answer",
    );
  });
});

describe("a call for a request that has been answered", () => {
  it("goes out to neither store, also when it would be sent again", async () => {
    let ended = false;
    let sent = 0;
    const send = async (): Promise<never> => {
      sent += 1;
      ended = true;
      throw Object.assign(new Error("slow down"), {
        name: "SlowDown",
        $metadata: { httpStatusCode: 503 },
      });
    };
    const mayCall = () => !ended;
    await expect(objectsCalls(5000, mayCall)(send)).rejects.toThrow("has been answered");
    await expect(recordsCalls("ims", 5000, mayCall)(send)).rejects.toThrow("has been answered");
    expect(sent).toBe(1);
  });
});
