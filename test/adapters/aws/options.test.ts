import { rootCertificates } from "node:tls";
import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { awsFailure, isDenied, isThrottled } from "../../../adapters/aws/errors.ts";
import { awsClientOptions } from "../../../adapters/aws/options.ts";
import { scratchFolder } from "../../support/archives.ts";

const patience = { maxAttempts: 4, idleMilliseconds: 1000 };

it("leaves endpoint and credentials to the SDK when none are given", () => {
  const options = awsClientOptions({ region: "eu-central-1" }, patience);
  expect(options).toMatchObject({ region: "eu-central-1", maxAttempts: 4 });
  expect(options).not.toHaveProperty("endpoint");
  expect(options).not.toHaveProperty("credentials");
  expect(options.requestHandler.httpsAgent).not.toHaveProperty("ca");
});

it("trusts the authorities of a file beside those that Node brings", async () => {
  const caFile = `${await scratchFolder()}/ca.pem`;
  await writeFile(caFile, "-----BEGIN CERTIFICATE-----");
  const { requestHandler } = awsClientOptions({ region: "r", caFile }, patience);
  expect(requestHandler.httpsAgent).toHaveProperty("ca", [
    ...rootCertificates,
    "-----BEGIN CERTIFICATE-----",
  ]);
});

it("waits as long as the configuration says, and else as the client wants", () => {
  const told = { region: "r", connectMilliseconds: 3000, idleMilliseconds: 120_000 };
  expect(awsClientOptions(told, patience).requestHandler).toMatchObject({
    connectionTimeout: 3000,
    socketTimeout: 120_000,
  });
  expect(awsClientOptions({ region: "r" }, patience).requestHandler).toMatchObject({
    connectionTimeout: 5000,
    socketTimeout: 1000,
  });
});

it("refuses a file of authorities that is not there", () => {
  expect(() => awsClientOptions({ region: "r", caFile: "/none/ca.pem" }, patience)).toThrow(
    expect.objectContaining({ code: "invalid" }),
  );
});

it.each([
  [Object.assign(new Error("x"), { name: "SlowDown", $metadata: { httpStatusCode: 503 } }), true, false],
  [Object.assign(new Error("x"), { name: "Odd", $metadata: { httpStatusCode: 429 } }), true, false],
  [Object.assign(new Error("x"), { name: "AccessDenied", $metadata: { httpStatusCode: 403 } }), false, true],
  [Object.assign(new Error("x"), { name: "403", $metadata: { httpStatusCode: 403 } }), false, true],
  [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), false, false],
  [Object.assign(new Error("x"), { name: "CredentialsProviderError" }), false, true],
])("tells throttled from denied (%#)", (error, throttled, denied) => {
  const failure = awsFailure(error);
  expect(failure && [isThrottled(failure), isDenied(failure)]).toEqual([throttled, denied]);
});

it("takes an error that came from no call for none of its own", () => {
  expect(awsFailure(new TypeError("a bug"))).toBeUndefined();
  expect(awsFailure("text")).toBeUndefined();
});
